//! Every operation is entered with the scope that it names, and with no other.

use escriba_domain::{JobId, Scope};
use reqwest::Method;

use crate::{
    keys::key_with,
    operations::operations,
    stack::{on_each_engine, problem},
};

#[tokio::test]
async fn every_operation_asks_for_the_scope_that_it_names() {
    on_each_engine(async |gateway| {
        for operation in operations(gateway).await {
            let needed = operation.scope.as_str();
            assert!(needed.parse::<Scope>().is_ok(), "{}: {needed}", operation.name());
            let others: Vec<&str> =
                Scope::ALL.iter().map(|scope| scope.as_str()).filter(|scope| *scope != needed).collect();
            let path = operation.path_of(&JobId::new().to_string());
            let without = key_with(gateway, &others).await;
            let response = operation.whole(gateway, &without, &path).send().await.unwrap();
            assert_eq!(response.status(), 403, "{} was entered without `{needed}`", operation.name());
            // An answer to HEAD says nothing more.
            if operation.method != Method::HEAD {
                let said = if operation.is_of_openai() {
                    response.text().await.unwrap()
                } else {
                    problem(response, 403, "scope_missing").await
                };
                assert!(said.contains(&format!("`{needed}`")), "{}: {said}", operation.name());
            }

            let with = key_with(gateway, &[needed]).await;
            let status = operation.bare(gateway, &with, &path).send().await.unwrap().status();
            assert!(![401, 403].contains(&status.as_u16()), "{} with `{needed}`: {status}", operation.name());
        }
        assert_eq!(gateway.stored_files(), 0);
    })
    .await;
}
