//! What every store must do, as tests: each takes an empty store whose schema was made, and panics
//! if the store breaks the contract of [`LinkStore`](crate::LinkStore).
//!
//! [`contract_tests!`](crate::contract_tests) makes a test of each:
//!
//! ```text
//! linkrelay_store::contract_tests!(open);
//! ```
//!
//! where `async fn open()` returns a value whose `store()` is a `&dyn Store`.

mod read;
mod removal;
pub mod sample;
mod stale;
mod stats;
mod videos;
mod write;

pub use read::*;
pub use removal::*;
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
            the_links_of_a_video_come_newest_first
        }
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
