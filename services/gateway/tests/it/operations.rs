//! Every operation of the `OpenAPI` document as a request that can be sent, so that tests cover operations that nobody
//! told them of.

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::stack::{Gateway, recording};

/// One operation, as the document describes it.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    /// With its parameters in braces.
    pub(crate) path: String,
    /// The scope that it says it needs.
    pub(crate) scope: String,
    spec: Value,
    document: Value,
}

pub(crate) async fn operations(gateway: &Gateway) -> Vec<Operation> {
    let document: Value = gateway.get("/openapi.json").await.json().await.unwrap();
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, spec) in methods.as_object().unwrap() {
            let scope = spec["x-scope"].as_str().unwrap_or_else(|| panic!("{method} {path} names no scope"));
            found.push(Operation {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                scope: scope.to_owned(),
                spec: spec.clone(),
                document: document.clone(),
            });
        }
    }
    found
}

impl Operation {
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether it is about a thing of a workspace.
    pub(crate) fn has_id(&self) -> bool {
        self.path.contains("{id}")
    }

    /// Whether it speaks as OpenAI does.
    pub(crate) fn is_of_openai(&self) -> bool {
        ["/v1/audio/", "/v1/models"].iter().any(|start| self.path.starts_with(start))
    }

    /// The address with this id. A further parameter in it is as its example in the document.
    pub(crate) fn path_of(&self, id: &str) -> String {
        let mut path = self.path.replacen("{id}", id, 1);
        for parameter in self.parameters("path").filter(|parameter| parameter["name"] != "id") {
            let name = parameter["name"].as_str().unwrap();
            path = path.replace(&format!("{{{name}}}"), &self.example_of(parameter));
        }
        assert!(!path.contains('{'), "{}: its id is not called `id`", self.name());
        path
    }

    /// A request without a body.
    pub(crate) fn bare(&self, gateway: &Gateway, key: &str, path: &str) -> RequestBuilder {
        gateway.anonymous(self.method.clone(), path).bearer_auth(key)
    }

    /// A request with everything that the document says is required.
    pub(crate) fn whole(&self, gateway: &Gateway, key: &str, path: &str) -> RequestBuilder {
        let queries = self.parameters("query").filter(|parameter| parameter["required"] == true);
        let queries = queries.map(|query| format!("{}={}", query["name"].as_str().unwrap(), self.example_of(query)));
        let mut request = self.bare(gateway, key, &format!("{path}?{}", queries.collect::<Vec<_>>().join("&")));
        for parameter in self.parameters("header").filter(|parameter| parameter["required"] == true) {
            request = request.header(parameter["name"].as_str().unwrap(), self.example_of(parameter));
        }
        let contents = self.spec["requestBody"]["content"].as_object();
        let Some((kind, content)) = contents.and_then(|contents| contents.iter().next()) else { return request };
        match kind.split(';').next().unwrap() {
            "multipart/form-data" => request.multipart(recording()),
            "application/json" => request.json(&self.shown(content)),
            kind => request.header("content-type", kind).body("anything"),
        }
    }

    fn parameters(&self, place: &'static str) -> impl Iterator<Item = &Value> {
        let all = self.spec["parameters"].as_array().into_iter().flatten();
        all.filter(move |parameter| parameter["in"] == place)
    }

    fn example_of(&self, parameter: &Value) -> String {
        match self.shown(parameter) {
            Value::String(text) => text,
            other => other.to_string(),
        }
    }

    /// What the document shows of it: an example, or the first of what is allowed.
    fn shown(&self, holder: &Value) -> Value {
        let schema = &holder["schema"];
        let named = schema["$ref"].as_str().and_then(|name| self.document.pointer(name.trim_start_matches('#')));
        let places = [Some(holder), Some(schema), named];
        let shown = places.into_iter().flatten().find_map(|place| {
            [&place["example"], &place["default"], &place["enum"][0]].into_iter().find(|shown| !shown.is_null())
        });
        shown.cloned().unwrap_or_else(|| panic!("{} shows no example of {holder}", self.name()))
    }
}
