//! Why YouTube wants a user to sign in: for an age check, against bots, or because the video is
//! private.
//!
//! Structure decides where there is one: the reason of an age gate, the link to the help page about
//! bot checks. Beyond that, only words tell an age check or a bot check from a private video. They
//! are known in the languages below; linkrelay asks in English, but a proxy's country may decide
//! otherwise.

use serde_json::Value;

use super::json;

/// What a request to sign in is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignIn {
    /// The video is for adults.
    Age,
    /// The client is taken for a robot; nothing is known about the video.
    BotCheck,
    /// Only users whom the owner names see the video.
    Private,
}

/// The page of YouTube's help to which a bot check links.
const BOT_CHECK_HELP: &str = "support.google.com/youtube/answer/3037019";

/// How languages say "robot", as whole words. No text about an age or a private video has them.
const ROBOT_WORDS: [&str; 21] = [
    "bot",
    "bots",
    "botem",
    "botti",
    "robot",
    "robots",
    "robotem",
    "robotti",
    "roboter",
    "robô",
    "robotul",
    "бот",
    "робот",
    "ботом",
    "роботом",
    "ρομπότ",
    "روبوت",
    "رباتا",
    "בוט",
    "רובוט",
    "रोबोट",
];
/// The same for languages that put no spaces between words.
const ROBOT_PARTS: [&str; 9] =
    ["botで", "ボット", "로봇", "봇이", "机器人", "機器人", "โรบ็อต", "บอท", "บ็อต"];

/// How languages ask for the user's age, or say that a video is not for all users.
const AGE_PARTS: [&str; 48] = [
    // English, German, Dutch, Swedish, Danish, Norwegian, Finnish
    "your age",
    "age-restricted",
    "age restricted",
    "inappropriate for some users",
    "dein alter",
    "ihr alter",
    "altersbeschränk",
    "altersfreigabe",
    "für manche nutzer",
    "je leeftijd",
    "uw leeftijd",
    "leeftijdsbeperk",
    "din ålder",
    "åldersbegräns",
    "din alder",
    "alderen din",
    "aldersbegræns",
    "ikäsi",
    "ikärajoit",
    // French, Spanish, Portuguese, Italian, Romanian
    "votre âge",
    "ton âge",
    "limite d'âge",
    "tu edad",
    "su edad",
    "restricción de edad",
    "sua idade",
    "tua idade",
    "restrição de idade",
    "tua età",
    "limiti di età",
    "vârsta",
    // Polish, Czech, Hungarian, Russian, Ukrainian, Greek, Turkish
    "swój wiek",
    "wiekow",
    "svůj věk",
    "életkor",
    "возраст",
    "свій вік",
    "ηλικία",
    "yaşınız",
    "yaşını",
    // Vietnamese, Indonesian, Thai, Japanese, Korean, Chinese (both scripts)
    "tuổi",
    "usia anda",
    "อายุ",
    "年齢",
    "연령",
    "나이",
    "年龄",
    "年齡",
];

/// Returns what the request is about; `None` if that is unknown.
pub(super) fn cause(status: &Value) -> Option<SignIn> {
    let is_age_gate =
        status.get("desktopLegacyAgeGateReason").is_some_and(|reason| !reason.is_null());
    if is_age_gate {
        return Some(SignIn::Age);
    }
    let texts = texts(status);
    if links_to_bot_check_help(status) || texts.iter().any(|text| names_a_robot(text)) {
        return Some(SignIn::BotCheck);
    }
    if texts.iter().any(|text| AGE_PARTS.iter().any(|part| text.contains(part))) {
        return Some(SignIn::Age);
    }
    let messages = status.get("messages").and_then(Value::as_array);
    messages.is_some_and(|messages| !messages.is_empty()).then_some(SignIn::Private)
}

fn links_to_bot_check_help(status: &Value) -> bool {
    let urls = json::all(status, "url");
    urls.iter().any(|url| url.as_str().is_some_and(|url| url.contains(BOT_CHECK_HELP)))
}

/// Returns the texts that a viewer sees, in lower case and with plain apostrophes.
fn texts(status: &Value) -> Vec<String> {
    let messages = status.get("messages").and_then(Value::as_array).into_iter().flatten();
    let reasons = ["reason", "reasonTitle"].into_iter().filter_map(|key| status.get(key));
    let screen = status.get("errorScreen").unwrap_or(&Value::Null);
    let screen = ["simpleText", "text"].into_iter().flat_map(|key| json::all(screen, key));
    let texts = messages.chain(reasons).chain(screen).filter_map(Value::as_str);
    texts.map(|text| text.to_lowercase().replace('’', "'")).collect()
}

fn names_a_robot(text: &str) -> bool {
    text.split(|character: char| !character.is_alphanumeric())
        .any(|word| ROBOT_WORDS.contains(&word))
        || ROBOT_PARTS.iter().any(|part| text.contains(part))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BOT_CHECKS: [&str; 18] = [
        "Sign in to confirm you’re not a bot",
        "Sign in to confirm you're not a robot",
        "Melde dich an, um zu bestätigen, dass du kein Bot bist",
        "Connectez-vous pour confirmer que vous n’êtes pas un robot",
        "Inicia sesión para confirmar que no eres un bot",
        "Faça login para confirmar que você não é um robô",
        "Accedi per confermare che non sei un bot",
        "Log in om te bevestigen dat je geen bot bent",
        "Zaloguj się, aby potwierdzić, że nie jesteś botem",
        "Войдите в аккаунт, чтобы подтвердить, что вы не бот",
        "Увійдіть, щоб підтвердити, що ви не робот",
        "Logga in för att bekräfta att du inte är en bot",
        "Đăng nhập để xác nhận bạn không phải là robot",
        "ログインして bot ではないことを確認してください",
        "ログインしてボットではないことを確認してください",
        "로봇이 아님을 확인하려면 로그인하세요",
        "请登录以确认您不是机器人",
        "سجّل الدخول لتأكيد أنك لست روبوت",
    ];
    const AGE_CHECKS: [&str; 20] = [
        "Sign in to confirm your age",
        "This video may be inappropriate for some users.",
        "This video is age-restricted and only available on YouTube.",
        "Melde dich an, um dein Alter zu bestätigen",
        "Connectez-vous pour confirmer votre âge",
        "Vidéo soumise à une limite d’âge",
        "Inicia sesión para confirmar tu edad",
        "Faça login para confirmar sua idade",
        "Accedi per confermare la tua età",
        "Log in om je leeftijd te bevestigen",
        "Zaloguj się, by potwierdzić swój wiek",
        "Чтобы подтвердить свой возраст, войдите в аккаунт",
        "Logga in för att bekräfta din ålder",
        "Yaşınızı doğrulamak için oturum açın",
        "Đăng nhập để xác nhận tuổi của bạn",
        "Login untuk mengonfirmasi usia Anda",
        "年齢を確認するにはログインしてください",
        "로그인하여 나이를 확인하세요",
        "请登录以验证您的年龄",
        "ลงชื่อเข้าใช้เพื่อยืนยันอายุของคุณ",
    ];
    const PRIVATE: [&str; 9] = [
        "This is a private video. Please sign in to verify that you may see it.",
        "Dies ist ein privates Video. Melde dich an, um zu bestätigen, dass du es sehen darfst.",
        "Cette vidéo est privée. Connectez-vous pour confirmer que vous pouvez la regarder.",
        "Este vídeo es privado. Inicia sesión para verificar que puedes verlo.",
        "Este é um vídeo privado. Faça login para confirmar que você pode assistir.",
        "Это видео с ограниченным доступом. Войдите в аккаунт, чтобы его посмотреть.",
        "To jest film prywatny. Zaloguj się, aby potwierdzić, że możesz go obejrzeć.",
        "この動画は非公開です。ログインして視聴できるかご確認ください。",
        "words of a language that is not known",
    ];

    #[test]
    fn messages_in_many_languages_are_told_apart() {
        let all = [
            (&BOT_CHECKS[..], SignIn::BotCheck),
            (&AGE_CHECKS[..], SignIn::Age),
            (&PRIVATE[..], SignIn::Private),
        ];
        for (texts, expected) in all {
            for text in texts {
                let status = json!({"status": "LOGIN_REQUIRED", "messages": [text]});
                assert_eq!(cause(&status), Some(expected), "{text}");
                let screen = json!({"x": {"reason": {"runs": [{"text": text}]}}});
                let status = json!({"messages": ["words"], "errorScreen": screen});
                assert_eq!(cause(&status), Some(expected), "{text}");
            }
        }
    }

    #[test]
    fn structure_comes_before_words_and_what_says_nothing_is_unknown() {
        let help = json!({"url": "https://support.google.com/youtube/answer/3037019#zippy=x"});
        let private = PRIVATE[0];
        for (status, expected) in [
            (json!({"desktopLegacyAgeGateReason": 1, "messages": [private]}), Some(SignIn::Age)),
            (json!({"desktopLegacyAgeGateReason": null}), None),
            (
                json!({"messages": [AGE_CHECKS[0]], "errorScreen": {"a": [help]}}),
                Some(SignIn::BotCheck),
            ),
            (json!({"reason": BOT_CHECKS[0]}), Some(SignIn::BotCheck)),
            (json!({"reason": AGE_CHECKS[0]}), Some(SignIn::Age)),
            (json!({"reason": private}), None),
            (json!({"messages": []}), None),
            (json!({"messages": "words"}), None),
            (json!({}), None),
        ] {
            assert_eq!(cause(&status), expected, "{status}");
        }
    }
}
