//! The words that made-up videos are made of. Several of them are there to catch a careless
//! reader: quotes, ends of scripts and of statements, right-to-left text, wide characters.

/// What a title begins with; `{}` takes a subject.
pub(crate) const TITLES: &[&str] = &[
    "How {} really work",
    "{} explained in ten minutes",
    "The quiet history of {}",
    "Why nobody talks about {}",
    "A beginner's guide to {}",
    "We tried {} for thirty days",
    "{}: what went wrong?",
    "Building {} from scratch",
    "Everything I know about {}",
    "{} (full lecture)",
    "Live at the harbour: {}",
    "Ten mistakes with {}",
];

/// What a title is about.
pub(crate) const SUBJECTS: &[&str] = &[
    "sourdough bread",
    "mountain railways",
    "message queues",
    "tide tables",
    "fountain pens",
    "old lighthouses",
    "bicycle wheels",
    "night trains",
    "chess endgames",
    "wooden boats",
    "paper maps",
    "coral reefs",
    "radio telescopes",
    "garden ponds",
    "mechanical watches",
    "Bach's cantatas",
    "volcanoes",
    "city trams",
    "compilers",
    "honey bees",
    "Gothic arches",
    "short films",
    "marathon training",
    "street food",
    "glass blowing",
    "sign languages",
];

/// What a title may end with.
pub(crate) const TITLE_ENDS: &[&str] = &[
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
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

/// Channels are named by two of these words.
pub(crate) const CHANNEL_FIRST: &[&str] = &[
    "Northern",
    "Tiny",
    "Slow",
    "Harbour",
    "Curious",
    "Paper",
    "Évening",
    "Kleine",
    "Second",
    "Bright",
    "Quiet",
    "Copper",
    "Полярный",
    "小さな",
    "Rock & Roll",
    "O'Hara's",
];

/// See [`CHANNEL_FIRST`].
pub(crate) const CHANNEL_SECOND: &[&str] = &[
    "Workshop",
    "Kitchen",
    "Records",
    "Lectures",
    "Garden",
    "Trains",
    "Studio",
    "Werkstatt",
    "Lab",
    "Stories",
    "TV",
    "Observatory",
];

/// A description's paragraphs.
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

/// Tags.
pub(crate) const KEYWORDS: &[&str] = &[
    "documentary",
    "how to",
    "lecture",
    "music",
    "travel",
    "science",
    "history",
    "4k",
    "slow tv",
    "tutorial",
    "中文字幕",
    "rock & roll",
    "\"quoted\"",
    "über",
    "c++",
    "back\\slash",
];

/// YouTube's own names.
pub(crate) const CATEGORIES: &[&str] = &[
    "Education",
    "Entertainment",
    "Film & Animation",
    "Gaming",
    "Howto & Style",
    "Music",
    "News & Politics",
    "People & Blogs",
    "Science & Technology",
    "Sports",
    "Travel & Events",
];

/// What chapters are called.
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
