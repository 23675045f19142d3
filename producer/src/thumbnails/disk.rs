//! Thumbnails in a folder, each in a file: whole or not at all, and no more than there is room for.
//!
//! A file begins with the video's id and a hash of the thumbnail, so that a file that is damaged, or
//! another video's (where names differ only in their case), is fetched again. Everything here blocks.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use linkrelay_common::VideoId;
use tempfile::NamedTempFile;

use super::Thumbnail;

const HEADER: &str = "linkrelay thumbnail 1";
/// A file needs at least a block.
const BLOCK: u64 = 4_096;
/// More than the largest thumbnail and its header.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The folder.
#[derive(Debug)]
pub(super) struct DiskCache {
    folder: PathBuf,
    max_bytes: u64,
    /// What the files need, once they were counted.
    used: Mutex<Option<u64>>,
    is_failing: AtomicBool,
}

impl DiskCache {
    /// Makes the cache of a folder, which need not exist.
    pub(super) fn new(folder: &Path, max_bytes: u64) -> Self {
        let (folder, used) = (folder.to_owned(), Mutex::default());
        Self { folder, max_bytes, used, is_failing: AtomicBool::new(false) }
    }

    /// Returns the thumbnail of a video, if it is there and whole.
    pub(super) fn read(&self, video_id: VideoId) -> Option<Thumbnail> {
        let path = self.path(video_id);
        if fs::metadata(&path).ok()?.len() > MAX_FILE_BYTES {
            return None;
        }
        let file = Bytes::from(fs::read(&path).ok()?);
        let end = file.iter().position(|byte| *byte == b'\n')?;
        let thumbnail = Thumbnail::new(file.slice(end + 1..))?;
        (file[..end] == *header(video_id, &thumbnail).as_bytes()).then_some(thumbnail)
    }

    /// Keeps the thumbnail of a video. What cannot be kept is fetched again.
    pub(super) fn write(&self, video_id: VideoId, thumbnail: &Thumbnail) {
        if self.max_bytes == 0 {
            return;
        }
        match self.try_write(video_id, thumbnail) {
            Ok(()) => self.is_failing.store(false, Ordering::Relaxed),
            Err(error) if self.is_failing.swap(true, Ordering::Relaxed) => {
                tracing::debug!(%video_id, "the thumbnail of video {video_id} is not kept: {error}");
            }
            Err(error) => {
                let folder = self.folder.display();
                tracing::warn!(
                    %folder, error = %error,
                    "thumbnails of videos are not kept, because {folder} cannot be written: {error}"
                );
            }
        }
    }

    fn try_write(&self, video_id: VideoId, thumbnail: &Thumbnail) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mut file = NamedTempFile::new_in(&self.folder)?;
        file.write_all(format!("{}\n", header(video_id, thumbnail)).as_bytes())?;
        file.write_all(&thumbnail.bytes)?;
        let size = file.as_file().metadata()?.len().max(BLOCK);
        file.persist(self.path(video_id)).map_err(|error| error.error)?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let now = match *used {
            Some(before) => before.saturating_add(size),
            None => self.files()?.iter().map(|file| file.size).sum(),
        };
        *used = Some(if now > self.max_bytes { self.evict()? } else { now });
        Ok(())
    }

    /// Removes the oldest files until a tenth is free, and returns what is left.
    fn evict(&self) -> io::Result<u64> {
        let mut files = self.files()?;
        files.sort_by_key(|file| file.modified);
        let mut used = files.iter().map(|file| file.size).sum::<u64>();
        let goal = self.max_bytes / 10 * 9;
        for file in files {
            if used <= goal {
                break;
            }
            // Another process may have removed it.
            match fs::remove_file(&file.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => used = used.saturating_sub(file.size),
            }
        }
        Ok(used)
    }

    fn files(&self) -> io::Result<Vec<Kept>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_file() {
                let size = metadata.len().max(BLOCK);
                files.push(Kept { path: entry.path(), size, modified: metadata.modified()? });
            }
        }
        Ok(files)
    }

    /// An id has no dot and no slash.
    fn path(&self, video_id: VideoId) -> PathBuf {
        self.folder.join(video_id.as_str())
    }
}

/// A file of the folder; also one that a killed process has not finished.
struct Kept {
    path: PathBuf,
    size: u64,
    modified: SystemTime,
}

fn header(video_id: VideoId, thumbnail: &Thumbnail) -> String {
    format!("{HEADER} {} {}", video_id.as_str(), thumbnail.hash.simple())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn id(number: usize) -> VideoId {
        VideoId::parse(&format!("video{number:06}")).unwrap()
    }

    fn thumbnail(size: usize) -> Thumbnail {
        let bytes = [b"\xff\xd8\xff".as_slice(), &vec![7; size]].concat();
        Thumbnail::new(bytes.into()).unwrap()
    }

    #[test]
    fn a_thumbnail_is_read_as_it_was_written_and_a_damaged_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let cache = DiskCache::new(&folder.path().join("made").join("here"), 1 << 20);
        assert_eq!(cache.read(id(1)), None);
        cache.write(id(1), &thumbnail(9_000));
        assert_eq!(cache.read(id(1)), Some(thumbnail(9_000)));
        let path = cache.path(id(1));
        let whole = fs::read(&path).unwrap();
        let of_another = DiskCache::new(folder.path(), 1 << 20);
        of_another.write(id(2), &thumbnail(9_000));
        for damaged in [
            Vec::new(),
            whole[..whole.len() - 1].to_vec(),
            whole[..20].to_vec(),
            [&whole[..], b"x"].concat(),
            whole.iter().map(|byte| byte ^ 1).collect(),
            fs::read(of_another.path(id(2))).unwrap(),
            vec![0; 2 << 20],
        ] {
            fs::write(&path, &damaged).unwrap();
            assert_eq!(cache.read(id(1)), None, "{} bytes", damaged.len());
        }
        cache.write(id(1), &thumbnail(10));
        assert_eq!(cache.read(id(1)), Some(thumbnail(10)));
    }

    #[test]
    fn the_oldest_thumbnails_go_when_there_is_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let max = 10 * BLOCK;
        let cache = DiskCache::new(folder.path(), max);
        // What a killed process has left goes as well.
        fs::write(folder.path().join(".tmpleft"), "x").unwrap();
        let old = |path: &Path, age: u64| {
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + age))
                .unwrap();
        };
        old(&folder.path().join(".tmpleft"), 0);
        for number in 0..30 {
            cache.write(id(number), &thumbnail(10));
            old(&cache.path(id(number)), number as u64 + 1);
            let used: u64 = cache.files().unwrap().iter().map(|file| file.size).sum();
            assert!(used <= max, "{used} after {number}");
            assert!(cache.read(id(number)).is_some(), "{number}");
        }
        assert_eq!(cache.read(id(0)), None);
        assert!(cache.read(id(28)).is_some());
        assert!(!folder.path().join(".tmpleft").exists());
        // Another process counts what is there.
        DiskCache::new(folder.path(), BLOCK * 2).write(id(40), &thumbnail(10));
        assert!(cache.files().unwrap().len() <= 2);
    }

    #[test]
    fn a_folder_that_cannot_be_written_keeps_nothing_and_fails_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let cache = DiskCache::new(file.path(), 1 << 20);
        cache.write(id(1), &thumbnail(10));
        cache.write(id(1), &thumbnail(10));
        assert_eq!(cache.read(id(1)), None);
        let folder = tempfile::tempdir().unwrap();
        let none = DiskCache::new(folder.path(), 0);
        none.write(id(1), &thumbnail(10));
        assert_eq!(none.read(id(1)), None);
    }
}
