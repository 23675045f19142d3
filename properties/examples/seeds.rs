//! Writes the seeds of every property into a corpus: `cargo run -p linkrelay-properties --example
//! seeds FOLDER`.

use std::path::PathBuf;

use linkrelay_properties::Property;

fn main() -> std::io::Result<()> {
    let corpus = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "fuzz/corpus".into()));
    for property in Property::ALL {
        let folder = corpus.join(property.name);
        std::fs::create_dir_all(&folder)?;
        for (number, seed) in (property.seeds)().iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
