//! YouTube's categories by their numbers, with the names that a watch page gives them.

/// Returns the name of a category; `None` if the number is not known.
pub(super) fn name(id: &str) -> Option<&'static str> {
    Some(match id {
        "1" => "Film & Animation",
        "2" => "Autos & Vehicles",
        "10" => "Music",
        "15" => "Pets & Animals",
        "17" => "Sports",
        "18" => "Short Movies",
        "19" => "Travel & Events",
        "20" => "Gaming",
        "21" => "Videoblogging",
        "22" => "People & Blogs",
        "23" => "Comedy",
        "24" => "Entertainment",
        "25" => "News & Politics",
        "26" => "Howto & Style",
        "27" => "Education",
        "28" => "Science & Technology",
        "29" => "Nonprofits & Activism",
        "30" => "Movies",
        "43" => "Shows",
        "44" => "Trailers",
        _ => return None,
    })
}
