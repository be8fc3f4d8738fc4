// SPDX-License-Identifier: BSD-3-Clause
//! Where the actions of a build ran, from Bazel's build events.
//!
//! Source: `BuildMetrics.ActionSummary.RunnerCount` in build_event_stream.proto.

use std::{collections::BTreeMap, fmt};

use anyhow::{Context, Result, bail};
use serde_json::Value;

const TOTAL: &str = "total";
const HIT: &str = "remote cache hit";
/// Actions inside Bazel itself: symbolic links, files written from Starlark.
const INTERNAL: &str = "internal";

/// Numbers of actions by where they ran.
#[derive(Debug)]
pub struct Runners(BTreeMap<String, u64>);

impl Runners {
    /// Reads a file of build events, one JSON object a line.
    ///
    /// # Errors
    /// If no event has the counts.
    pub fn of_events(events: &str) -> Result<Self> {
        for line in events.lines().filter(|line| line.contains("\"buildMetrics\"")) {
            let event: Value = serde_json::from_str(line)?;
            if let Some(list) = event["buildMetrics"]["actionSummary"]["runnerCount"].as_array() {
                let pair =
                    |entry: &Value| Some((entry["name"].as_str()?.to_owned(), entry["count"].as_u64()?));
                let counts: Option<_> = list.iter().map(pair).collect();
                return counts.map(Self).context("a count without name or number");
            }
        }
        bail!("the build events have no counts of actions")
    }

    /// Evidence that not everything came from the cache; `None` if everything did.
    pub fn local(&self) -> Option<String> {
        let is_local = |name: &str| ![TOTAL, HIT, INTERNAL].contains(&name);
        if let Some((name, count)) = self.0.iter().find(|(name, _)| is_local(name)) {
            return Some(format!("{count} actions of kind {name}"));
        }
        // A build without actions proves nothing.
        self.0.get(HIT).is_none_or(|hits| *hits == 0).then(|| "no hit".to_owned())
    }
}

impl fmt::Display for Runners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(|(name, count)| format!("{count} {name}")).collect();
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runners(counts: &str) -> Runners {
        let event = format!(r#"{{"buildMetrics":{{"actionSummary":{{"runnerCount":[{counts}]}}}}}}"#);
        Runners::of_events(&format!("{{\"id\":{{}}}}\n{event}\n")).unwrap()
    }

    #[test]
    fn only_hits_prove() {
        let hits = r#"{"name":"total","count":5},{"name":"internal","count":2},{"name":"remote cache hit","count":3}"#;
        assert_eq!(runners(hits).local(), None);
        assert_eq!(runners(hits).to_string(), "2 internal, 3 remote cache hit, 5 total");
        let more = format!("{hits},{{\"name\":\"linux-sandbox\",\"count\":1}}");
        assert_eq!(runners(&more).local().unwrap(), "1 actions of kind linux-sandbox");
        assert_eq!(
            runners(r#"{"name":"total","count":1},{"name":"internal","count":1}"#).local().unwrap(),
            "no hit"
        );
    }

    #[test]
    fn events_without_counts_are_an_error() {
        assert!(Runners::of_events("").is_err());
        assert!(Runners::of_events("{\"buildMetrics\":{}}").is_err());
        assert!(Runners::of_events("\"buildMetrics\"}").is_err());
    }
}
