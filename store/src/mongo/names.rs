//! Checks the names of the database and the collection, so that a wrong one is refused at start
//! instead of by every write.

use linkrelay_common::SettingsError;

use super::{titles, version};

/// MongoDB's own limit for a database's name.
const MAX_DATABASE_BYTES: usize = 63;
/// MongoDB's own limit for `database.collection`.
const MAX_NAMESPACE_BYTES: usize = 255;

/// Returns the collection of the requests' rows, by that of the documents.
pub(super) fn of_requests(documents: &str) -> String {
    format!("{documents}.requests")
}

/// Returns the collection of the processes' rows, by that of the documents.
pub(super) fn of_processes(documents: &str) -> String {
    format!("{documents}.processes")
}

/// Checks `MONGODB_DATABASE`, `MONGODB_COLLECTION` and `MONGODB_VIDEOS_COLLECTION`.
pub(super) fn check(database: &str, documents: &str, videos: &str) -> Result<(), SettingsError> {
    let same = || "must not be that of MONGODB_COLLECTION".to_owned();
    let own = [of_requests(documents), of_processes(documents), jobs(documents)];
    let of_videos = titles::names(videos);
    let is_taken = own.contains(&videos.to_owned())
        || of_videos.iter().any(|name| name == documents || own.contains(name));
    let taken = || "must not be that of MONGODB_COLLECTION with an end of linkrelay's".to_owned();
    for (setting, problem) in [
        ("MONGODB_DATABASE", database_problem(database)),
        // Its name is the beginning of others.
        ("MONGODB_COLLECTION", collection_problem(database, &of_processes(documents))),
        ("MONGODB_COLLECTION", collection_problem(database, documents)),
        ("MONGODB_COLLECTION", collection_problem(database, &jobs(documents))),
        ("MONGODB_VIDEOS_COLLECTION", collection_problem(database, videos)),
        // The longer one of its own.
        ("MONGODB_VIDEOS_COLLECTION", collection_problem(database, &of_videos[0])),
        ("MONGODB_COLLECTION", reserved_problem(documents)),
        ("MONGODB_VIDEOS_COLLECTION", reserved_problem(videos)),
        ("MONGODB_VIDEOS_COLLECTION", (videos == documents).then(same)),
        ("MONGODB_VIDEOS_COLLECTION", is_taken.then(taken)),
    ] {
        problem.map_or(Ok(()), |problem| Err(SettingsError::new(setting, problem)))?;
    }
    Ok(())
}

/// Returns the name of the collection of jobs, which belongs to that of the documents, so that
/// deployments that share a database have one each.
pub(super) fn jobs(documents: &str) -> String {
    format!("{documents}.jobs")
}

/// Refuses the collection that has the schema version.
fn reserved_problem(name: &str) -> Option<String> {
    (name == version::COLLECTION).then(|| format!("must not be {}", version::COLLECTION))
}

fn database_problem(name: &str) -> Option<String> {
    const FORBIDDEN: &[char] = &['/', '\\', '.', ' ', '"', '$', '*', '<', '>', ':', '|', '?', '\0'];
    if name.is_empty() || name.len() > MAX_DATABASE_BYTES {
        return Some(format!("must have 1 to {MAX_DATABASE_BYTES} bytes, not {}", name.len()));
    }
    name.contains(FORBIDDEN).then(|| r#"must not contain a space or any of /\."$*<>:|?"#.to_owned())
}

fn collection_problem(database: &str, name: &str) -> Option<String> {
    let namespace_bytes = database.len() + 1 + name.len();
    if name.is_empty() || namespace_bytes > MAX_NAMESPACE_BYTES {
        return Some(format!(
            "must not be empty, or longer than {MAX_NAMESPACE_BYTES} bytes with the database"
        ));
    }
    let is_wrong = name.contains(['$', '\0'])
        || name.starts_with("system.")
        || name.starts_with('.')
        || name.ends_with('.');
    is_wrong.then(|| {
        "must not contain $, begin with \"system.\", or begin or end with a dot".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_the_setting() {
        let long = "x".repeat(64);
        for name in ["", "a b", "a.b", "a$", "a/b", long.as_str()] {
            let error = check(name, "youtube", "videos").unwrap_err();
            assert_eq!(error.setting, "MONGODB_DATABASE", "{name}");
        }
        let long = "x".repeat(255);
        for name in ["", "a$b", "system.users", ".a", "a.", long.as_str()] {
            let error = check("linkrelay", name, "videos").unwrap_err();
            assert_eq!(error.setting, "MONGODB_COLLECTION", "{name}");
            let error = check("linkrelay", "youtube", name).unwrap_err();
            assert_eq!(error.setting, "MONGODB_VIDEOS_COLLECTION", "{name}");
        }
        for taken in ["youtube", "youtube.requests", "youtube.processes", "youtube.jobs"] {
            let error = check("linkrelay", "youtube", taken).unwrap_err();
            assert_eq!(error.setting, "MONGODB_VIDEOS_COLLECTION", "{taken}");
        }
        let error = check("linkrelay", "videos.titles", "videos").unwrap_err();
        assert_eq!(error.setting, "MONGODB_VIDEOS_COLLECTION");
        for (documents, videos, setting) in [
            (version::COLLECTION, "videos", "MONGODB_COLLECTION"),
            ("youtube", version::COLLECTION, "MONGODB_VIDEOS_COLLECTION"),
        ] {
            assert_eq!(check("linkrelay", documents, videos).unwrap_err().setting, setting);
        }
    }

    #[test]
    fn usual_names_are_accepted() {
        for (database, collection) in [("linkrelay", "youtube"), ("link-relay_2", "links.youtube")]
        {
            assert_eq!(check(database, collection, "videos"), Ok(()));
        }
    }
}
