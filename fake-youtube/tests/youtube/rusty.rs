use linkrelay_fake_youtube::pages::{expected, id_from_name};
use linkrelay_fake_youtube::{Failure, Route};
use rusty_ytdl::{RequestOptions, Video, VideoError, VideoInfo, VideoOptions};

use crate::helpers::{ID, TestYouTube};

async fn info(youtube: &TestYouTube, id: &str) -> Result<VideoInfo, VideoError> {
    let request_options = RequestOptions {
        client: Some(youtube.client.clone()),
        max_retries: Some(0),
        ..Default::default()
    };
    let options = VideoOptions { request_options, ..Default::default() };
    Video::new_with_options(id, options).unwrap().get_basic_info().await
}

#[tokio::test]
async fn rusty_ytdl_reads_every_generated_page() {
    let youtube = TestYouTube::start().await;
    for n in 0..40 {
        let id = id_from_name(&format!("rusty {n}"));
        let (found, video) = (info(&youtube, &id).await.unwrap().video_details, expected(&id));
        assert_eq!(found.video_id, id);
        assert_eq!(found.title, video.title);
        // A fault of the crate: it takes the script for text and escapes no-break spaces again.
        assert_eq!(found.description, video.description.replace('\u{a0}', "&nbsp;"));
        assert_eq!(found.length_seconds, video.length_seconds.to_string());
        assert_eq!(found.view_count, video.view_count.to_string());
        assert_eq!(found.category, video.category);
        assert_eq!(found.publish_date, video.publish_date);
        let author = found.author.unwrap();
        assert_eq!(
            (author.id, author.name, author.verified),
            (video.channel_id, video.author, video.channel_verified)
        );
        let chapters = found
            .chapters
            .iter()
            .map(|chapter| (chapter.title.as_str(), chapter.start_time as u64));
        let expected_chapters =
            video.chapters.iter().map(|chapter| (chapter.title.as_str(), chapter.start_seconds));
        assert!(chapters.eq(expected_chapters), "{:?}", found.chapters);
    }
    assert_eq!(youtube.fake.hits().route(Route::Watch), 40);
}

#[tokio::test]
async fn rusty_ytdl_understands_the_refusals_that_it_knows() {
    let youtube = TestYouTube::start().await;
    youtube.fake.set_failure(ID, Some(Failure::Private));
    assert!(matches!(info(&youtube, ID).await, Err(VideoError::VideoIsPrivate)));
    youtube.fake.set_failure(ID, Some(Failure::Deleted));
    assert!(matches!(info(&youtube, ID).await, Err(VideoError::VideoNotFound)));
    youtube.fake.set_failure(ID, Some(Failure::Upcoming));
    assert!(matches!(info(&youtube, ID).await, Err(VideoError::VideoSourceNotFound)));
    youtube.fake.set_failure(ID, Some(Failure::AgeRestricted));
    assert_eq!(info(&youtube, ID).await.unwrap().video_details.title, expected(ID).title);
}
