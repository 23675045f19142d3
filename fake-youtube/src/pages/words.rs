//! The words of generated videos. Several of them are traps for a careless reader: quotes, ends of
//! scripts and of statements, right-to-left text, wide characters.

/// The beginnings of titles; `{}` is replaced by a subject.
pub(crate) const TITLES: &[&str] = &[
    "How {} really work",
    "{} explained in ten minutes",
    "The quiet history of {}",
    "A beginner's guide to {}",
    "{}: what went wrong?",
    "Live at the harbour: {}",
];

/// The subjects of titles.
pub(crate) const SUBJECTS: &[&str] = &[
    "sourdough bread",
    "mountain railways",
    "message queues",
    "old lighthouses",
    "wooden boats",
    "coral reefs",
    "Bach's cantatas",
    "volcanoes",
    "honey bees",
    "marathon training",
    "street food",
];

/// The ends of titles, of which half have none.
pub(crate) const TITLE_ENDS: &[&str] = &[
    " 🎬",
    " | Part 2",
    " – überarbeitet",
    " \"uncut\"",
    " & more",
    " 日本語字幕",
    " עם תרגום",
    " C:\\temp\\final",
    " };",
    " 👩‍👩‍👧‍👦",
    " <3",
    " 'til dawn",
];

/// The first words of the names of channels.
pub(crate) const CHANNEL_FIRST: &[&str] = &[
    "Northern",
    "Harbour",
    "Curious",
    "Évening",
    "Kleine",
    "Quiet",
    "Полярный",
    "小さな",
    "Rock & Roll",
    "O'Hara's",
];

/// The second words of the names of channels.
pub(crate) const CHANNEL_SECOND: &[&str] =
    &["Workshop", "Kitchen", "Records", "Studio", "Werkstatt", "TV"];

/// The paragraphs of descriptions.
pub(crate) const PARAGRAPHS: &[&str] = &[
    "Thank you for watching! If you liked this, tell a friend.",
    "Recorded in one take, edited on a train ☕🚆.",
    "Sources and further reading:\nhttps://example.org/notes?a=1&b=2\nhttps://example.org/errata",
    "Music: \"Slow Water\" by The Quiet Copper Trio · used with permission",
    "Corrections: at 3:12 I say \"left\" where I mean \"right\".",
    "Zur deutschen Fassung: Grüße aus Köln, Zürich und Łódź.",
    "次の動画もお楽しみに。チャンネル登録お願いします。",
    "شكرا للمشاهدة",
    "Prices in this video: 3 < 5 and 7 > 2, always.",
    "\tTabs,\u{a0}no-break spaces and a backslash: \\o/",
];

/// Paragraphs that look like the end of the JSON or of the script around them.
pub(crate) const TRAPS: &[&str] = &[
    "For web people: </script><script>alert(1)</script> is just text here.",
    "The code of the day:\nconst a = {b: {c: \"};\"}};\nvar done = true;",
    "My console said: ytInitialPlayerResponse = {\"videoDetails\":{\"title\":\"not this one\"}};",
    "\"};</script>\"",
    "<!-- -->]]>&amp;&quot;\u{2028}\u{2029}",
];

/// The keywords of videos.
pub(crate) const KEYWORDS: &[&str] = &[
    "documentary",
    "lecture",
    "music",
    "history",
    "slow tv",
    "tutorial",
    "中文字幕",
    "rock & roll",
    "\"quoted\"",
    "über",
    "c++",
    "back\\slash",
];

/// YouTube's categories, with their ids in the Data API.
pub(crate) const CATEGORIES: &[(&str, &str)] = &[
    ("Education", "27"),
    ("Entertainment", "24"),
    ("Film & Animation", "1"),
    ("Gaming", "20"),
    ("Howto & Style", "26"),
    ("Music", "10"),
    ("News & Politics", "25"),
    ("People & Blogs", "22"),
    ("Science & Technology", "28"),
    ("Sports", "17"),
    ("Travel & Events", "19"),
];

/// The titles of chapters.
pub(crate) const CHAPTERS: &[&str] = &[
    "Intro",
    "The problem",
    "A first try",
    "What we missed",
    "Tools & parts",
    "The \"trick\"",
    "Results",
    "Questions 🙋",
    "Outro",
];
