//! What every store must do, as tests: each takes an empty store whose schema was made, and panics
//! if the store breaks the contract of [`LinkStore`](crate::LinkStore).
//!
//! [`contract_tests!`](crate::contract_tests) makes a test of each:
//!
//! ```text
//! linkrelay_store::contract_tests!(open);
//! ```
//!
//! where `async fn open()` returns a value whose `store()` is a `&dyn Store`, and whose
//! `async fn drop_rows()` removes the rows of all videos, as if the documents were older than them.

mod jobs;
mod processes;
mod read;
mod rebuild;
mod removal;
mod requests;
pub mod sample;
mod search;
mod stale;
mod stats;
mod videos;
mod write;

pub use jobs::*;
pub use processes::*;
pub use read::*;
pub use rebuild::*;
pub use removal::*;
pub use requests::*;
pub use search::*;
pub use stale::*;
pub use stats::*;
pub use videos::*;
pub use write::*;

/// Makes a `#[tokio::test]` of every function of [`contract`](crate::contract).
#[macro_export]
macro_rules! contract_tests {
    ($open:path) => {
        $crate::contract_tests! { @each $open:
            every_field_comes_back
            a_document_of_nulls_comes_back
            an_existing_document_is_not_duplicated
            only_a_failed_document_is_replaced
            a_failure_replaces_that_of_another_record
            an_expanded_list_is_written_once
            duplicates_within_a_batch_are_one_document
            a_document_is_refused_alone
            an_empty_batch_is_written
            concurrent_writers_insert_each_id_once
            missing_documents_are_left_out
            many_ids_are_found_in_one_call
            known_documents_show_whether_a_link_is_complete
            counts_are_of_one_request
            links_come_page_by_page
            a_link_s_status_shows_title_and_error
            a_request_s_lists_are_found
            the_newest_of_a_video_is_found
            stale_videos_come_oldest_first_and_each_once
            a_refused_video_is_stale_only_on_request
            an_empty_store_has_no_statistics
            documents_and_videos_are_counted_by_kind
            the_channels_with_the_most_videos_are_named
            what_is_deleted_is_no_longer_counted_as_a_video
            a_deleted_request_keeps_only_its_ids
            a_deleted_document_is_not_written_again
            a_deleted_request_leaves_the_rows_of_its_videos
            the_schema_can_be_made_again
            a_video_has_one_row_over_its_documents
            the_order_of_writes_does_not_matter_to_a_row
            concurrent_writers_leave_one_row
            videos_come_page_by_page_while_others_are_written
            a_filter_selects_by_each_of_its_fields
            a_search_finds_parts_of_words_in_any_script
            a_search_comes_page_by_page_with_every_filter
            the_links_of_a_video_come_newest_first
            a_request_is_added_once
            requests_come_newest_first_page_by_page
            requests_are_counted_together
            a_deleted_request_is_not_listed
            a_process_has_one_row_with_its_last_beat
            a_silent_process_is_gone
            a_job_is_read_as_it_was_written_last
            one_job_of_a_kind_runs_at_a_time
            of_jobs_that_begin_at_the_same_time_one_does
            jobs_come_newest_first_and_old_ones_are_removed
        }
        $crate::contract_tests! { @rows $open:
            dropped_rows_are_made_again_from_the_documents
            an_interrupted_rebuild_goes_on_behind_its_last_document
            rows_are_made_again_while_others_write
            a_rebuild_brings_nothing_back_of_a_deleted_request
        }
    };
    (@rows $open:path: $($case:ident)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                let opened = $open().await;
                let drop_rows = async || opened.drop_rows().await;
                $crate::contract::$case(opened.store(), drop_rows).await.expect(stringify!($case));
            }
        )+
    };
    (@each $open:path: $($case:ident)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                let opened = $open().await;
                $crate::contract::$case(opened.store()).await.expect(stringify!($case));
            }
        )+
    };
}
