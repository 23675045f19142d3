//! A video generated from its id.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde::Serialize;

use super::draws::Draws;
use super::words;

/// So few that a search by channel finds several videos.
const CHANNELS_COUNT: u64 = 500;
/// Videos are published in the twenty years from 2006-01-01.
const OLDEST_SECOND: i64 = 1_136_073_600;
const AGE_SECONDS: u64 = 20 * 365 * 86_400;
/// When an upcoming broadcast begins: in 2100, so it remains upcoming.
pub(crate) const UPCOMING_START: Timestamp = Timestamp::constant(4_102_488_000, 0);

/// All facts of a generated video, for tests to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedVideo {
    /// The id from which it is generated.
    pub video_id: String,
    /// Never empty.
    pub title: String,
    /// Several lines; some videos have "".
    pub description: String,
    /// The name of the channel.
    pub author: String,
    /// `UC` and 22 characters.
    pub channel_id: String,
    /// Begins with `@`.
    pub channel_handle: String,
    /// Subscribers as YouTube shows them (rounded to three digits).
    pub subscribers: u64,
    /// Whether the channel has the check mark.
    pub channel_verified: bool,
    /// The length in `videoDetails`; in the microformat it is one more, as on YouTube.
    pub length_seconds: u64,
    /// More than 2^32 for some videos.
    pub view_count: u64,
    /// `None` if the owner hides it.
    pub like_count: Option<u64>,
    /// If this is empty, the page does not have the field.
    pub keywords: Vec<String>,
    /// As in the page: a day for some videos, a day and a time with an offset for others.
    pub publish_date: String,
    /// The same as an instant; a day is its midnight in UTC. A live broadcast began then.
    pub published_at: Timestamp,
    /// The name of one of YouTube's categories.
    pub category: String,
    /// The id of that category in the Data API.
    pub category_id: &'static str,
    /// Smallest first.
    pub thumbnails: Vec<GeneratedThumbnail>,
    /// Empty for most.
    pub chapters: Vec<GeneratedChapter>,
}

/// One size of a video's thumbnail, in pixels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names are YouTube's own")]
pub struct GeneratedThumbnail {
    pub url: String,
    pub width: u32,
    pub height: u32,
}

/// One chapter of a video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedChapter {
    /// Its name.
    pub title: String,
    /// Counted from the beginning of the video.
    pub start_seconds: u64,
}

impl GeneratedVideo {
    /// Returns the URL of the channel, as in the microformat.
    pub fn owner_profile_url(&self) -> String {
        format!("http://www.youtube.com/{}", self.channel_handle)
    }

    /// Returns the shortest link to its watch page.
    pub fn watch_url(&self) -> String {
        format!("https://www.youtube.com/watch?v={}", self.video_id)
    }
}

/// Returns the video with this id, always the same.
pub fn expected(id: &str) -> GeneratedVideo {
    let mut draws = Draws::new(0, &["video", id]);
    let channel = draws.below(CHANNELS_COUNT);
    let length_seconds = 15 + draws.below(4 * 3_600);
    let view_count = views(&mut draws);
    let like_count = (!draws.one_in(10)).then(|| view_count / (20 + draws.below(80)));
    let chapters = chapters(&mut draws, length_seconds);
    let (published_at, publish_date) = publish_date(&mut draws);
    let title = title(&mut draws);
    let description = description(&mut draws, &chapters);
    let keywords = keywords(&mut draws);
    let (category, category_id) = draws.pick(words::CATEGORIES);
    let mut of_channel = Draws::new(0, &["channel", &channel.to_string()]);
    let first = of_channel.pick(words::CHANNEL_FIRST);
    let second = of_channel.pick(words::CHANNEL_SECOND);
    GeneratedVideo {
        video_id: id.to_owned(),
        title,
        description,
        author: format!("{first} {second}"),
        channel_id: format!("UC{}", of_channel.id_text(22)),
        channel_handle: format!("@{}{channel}", second.to_lowercase()),
        // Three digits and up to five zeros, as in "1.23M subscribers".
        subscribers: (100 + of_channel.below(900)) * 10_u64.pow(of_channel.below(6) as u32),
        channel_verified: of_channel.one_in(3),
        length_seconds,
        view_count,
        like_count,
        keywords,
        publish_date,
        published_at,
        category: category.to_owned(),
        category_id,
        thumbnails: thumbnails(&mut draws, id),
        chapters,
    }
}

fn title(draws: &mut Draws) -> String {
    let subject = draws.pick(words::SUBJECTS);
    let title = draws.pick(words::TITLES).replace("{}", subject);
    let mut characters = title.chars();
    let capital = characters.next().map(|first| first.to_uppercase().to_string());
    let end = if draws.one_in(2) { draws.pick(words::TITLE_ENDS) } else { "" };
    capital.unwrap_or_default() + characters.as_str() + end
}

fn description(draws: &mut Draws, chapters: &[GeneratedChapter]) -> String {
    if draws.one_in(20) {
        return String::new();
    }
    let mut paragraphs: Vec<String> =
        (0..=draws.below(4)).map(|_| draws.pick(words::PARAGRAPHS).to_owned()).collect();
    if draws.one_in(3) {
        paragraphs.push(draws.pick(words::TRAPS).to_owned());
    }
    if !chapters.is_empty() {
        paragraphs.push(contents(chapters));
    }
    paragraphs.join("\n\n")
}

/// Writes the chapters as users do in a description.
fn contents(chapters: &[GeneratedChapter]) -> String {
    let mut text = "Contents".to_owned();
    for GeneratedChapter { title, start_seconds } in chapters {
        let (hours, minutes) = (start_seconds / 3_600, start_seconds / 60 % 60);
        // Writing into a String cannot fail.
        let _ = write!(text, "\n{hours}:{minutes:02}:{:02} {title}", start_seconds % 60);
    }
    text
}

/// Draws a number that is spread over all magnitudes, as on YouTube.
fn views(draws: &mut Draws) -> u64 {
    let bits = 3 + draws.below(33);
    (1 << bits) + draws.below(1 << bits)
}

fn keywords(draws: &mut Draws) -> Vec<String> {
    if draws.one_in(5) {
        return Vec::new();
    }
    let mut keywords: Vec<String> =
        (0..=draws.below(8)).map(|_| draws.pick(words::KEYWORDS).to_owned()).collect();
    keywords.dedup();
    keywords
}

fn chapters(draws: &mut Draws, length_seconds: u64) -> Vec<GeneratedChapter> {
    if length_seconds < 300 || !draws.one_in(4) {
        return Vec::new();
    }
    let count = 3 + draws.below(words::CHAPTERS.len() as u64 - 2);
    let chapter = |(number, title): (u64, &&str)| GeneratedChapter {
        title: (*title).to_owned(),
        start_seconds: length_seconds * number / count,
    };
    (0..count).zip(words::CHAPTERS).map(chapter).collect()
}

/// Draws the instant and its text: a day, as YouTube had until 2023, or a time in California.
fn publish_date(draws: &mut Draws) -> (Timestamp, String) {
    let age_seconds = i64::try_from(draws.below(AGE_SECONDS)).unwrap_or(0);
    let published_at = timestamp(OLDEST_SECOND + age_seconds);
    if draws.one_in(4) {
        let day = published_at.strftime("%Y-%m-%d").to_string();
        let midnight = published_at.as_second() - published_at.as_second().rem_euclid(86_400);
        return (timestamp(midnight), day);
    }
    let offset = if draws.one_in(2) { Offset::constant(-7) } else { Offset::constant(-8) };
    let in_california = published_at.to_zoned_datetime(TimeZone::fixed(offset));
    (published_at, in_california.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
}

fn thumbnails(draws: &mut Draws, id: &str) -> Vec<GeneratedThumbnail> {
    let cropped = [(168, 94), (196, 110), (246, 138), (336, 188)].map(|(width, height)| {
        // YouTube also has the `&`, which is escaped in the page.
        let url = format!("https://i.ytimg.com/vi/{id}/hqdefault.jpg?sqp=-oaymwE{width}&rs=AOn4CL");
        GeneratedThumbnail { url, width, height }
    });
    let mut thumbnails = Vec::from(cropped);
    if !draws.one_in(4) {
        let url = format!("https://i.ytimg.com/vi/{id}/maxresdefault.jpg");
        thumbnails.push(GeneratedThumbnail { url, width: 1_920, height: 1_080 });
    }
    thumbnails
}

/// Returns an instant between 1970 and 2100, which a timestamp can always hold.
fn timestamp(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::{id_from_name, is_video_id};

    fn many() -> Vec<GeneratedVideo> {
        (0..3_000).map(|n| expected(&id_from_name(&format!("many {n}")))).collect()
    }

    #[test]
    fn every_video_is_one_that_youtube_could_have() {
        for video in many() {
            assert!(is_video_id(&video.video_id) && !video.title.trim().is_empty(), "{video:?}");
            assert!(
                video.channel_id.starts_with("UC") && video.channel_id.len() == 24,
                "{video:?}"
            );
            assert!(video.length_seconds > 0 && video.view_count > 0, "{video:?}");
            assert!(video.like_count.is_none_or(|likes| likes < video.view_count), "{video:?}");
            assert!(video.title.chars().count() <= 100, "YouTube's limit: {}", video.title);
            let starts: Vec<u64> =
                video.chapters.iter().map(|chapter| chapter.start_seconds).collect();
            assert!(
                starts.is_sorted() && starts.last().is_none_or(|last| *last < video.length_seconds)
            );
            assert!(starts.first().is_none_or(|first| *first == 0), "{starts:?}");
        }
    }

    #[test]
    fn a_publish_date_is_its_instant() {
        for video in many() {
            let text = match video.publish_date.len() {
                10 => format!("{}T00:00:00Z", video.publish_date),
                _ => video.publish_date,
            };
            assert_eq!(text.parse::<Timestamp>().unwrap(), video.published_at);
        }
    }

    #[test]
    fn every_trap_for_a_reader_is_in_some_video() {
        let videos = many();
        let has = |what: &str, is_so: &dyn Fn(&GeneratedVideo) -> bool| {
            assert!(videos.iter().any(is_so), "no video has {what}");
        };
        has("more views than 32 bits hold", &|video| video.view_count > u64::from(u32::MAX));
        has("hidden likes", &|video| video.like_count.is_none());
        has("no keywords", &|video| video.keywords.is_empty());
        has("no description", &|video| video.description.is_empty());
        has("chapters", &|video| !video.chapters.is_empty());
        has("a day as its date", &|video| video.publish_date.len() == 10);
        has("the end of a script", &|video| video.description.contains("</script>"));
        has("the end of a statement", &|video| video.description.contains("\"};"));
        has("such an end in its title", &|video| video.title.contains("};"));
        has("quotes and a backslash in its title", &|video| video.title.contains('\\'));
        has("an emoji in its title", &|video| video.title.contains('🎬'));
    }
}
