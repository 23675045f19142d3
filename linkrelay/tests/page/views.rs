use std::path::PathBuf;

use crate::harness::axe::violations;
use crate::harness::scene::{Scene, Stage, set_chooser};
use crate::harness::{Browser, in_browser};

const LANGUAGES: [&str; 2] = ["en", "ko"];
const THEMES: [&str; 2] = ["light", "dark"];
/// The narrowest screen that is in use, and a usual one.
const SIZES: [(u32, u32); 2] = [(360, 740), (1_280, 800)];
/// Where screenshots of every view go, if they are wanted (scripts/screenshots.sh).
const SCREENSHOTS: &str = "LINKRELAY_PAGE_SCREENSHOTS";

#[tokio::test(flavor = "multi_thread")]
async fn every_view_fits_its_screen_in_both_languages() {
    in_browser(async |browser| {
        let stage = Stage::set().await;
        let mut wide = Vec::new();
        for scene in Scene::ALL {
            browser.resize(1_280, 800).await;
            stage.show(browser, scene).await;
            for language in LANGUAGES {
                set_chooser(browser, "language", language).await;
                for theme in THEMES {
                    set_chooser(browser, "theme", theme).await;
                    for (width, height) in SIZES {
                        browser.resize(width, height).await;
                        let place = format!("{}-{language}-{theme}-{width}", scene.name());
                        wide.extend(wider_than_screen(browser, &place).await);
                        take_screenshot(browser, &place).await;
                    }
                }
            }
        }
        assert!(wide.is_empty(), "{wide:#?}");
        stage
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_in_any_view_and_theme() {
    in_browser(async |browser| {
        let stage = Stage::set().await;
        let mut found = Vec::new();
        for scene in Scene::ALL {
            stage.show(browser, scene).await;
            for theme in THEMES {
                set_chooser(browser, "theme", theme).await;
                found.extend(violations(browser, &format!("{} {theme}", scene.name())).await);
            }
            browser.resize(360, 740).await;
            found.extend(violations(browser, &format!("{} at 360 px", scene.name())).await);
            browser.resize(1_280, 800).await;
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
        stage
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_and_the_width_find_what_is_wrong() {
    in_browser(async |browser| {
        let stage = Stage::set().await;
        stage.show(browser, Scene::Submit).await;
        let body = "const wrong = document.createElement('div');
            wrong.append(document.createElement('button'));
            wrong.style.width = '2000px';
            document.querySelector('main section').append(wrong);
            return null;";
        browser.eval::<Option<bool>>(body).await;
        let found = violations(browser, "here").await;
        assert!(found.iter().any(|one| one.contains("button-name")), "{found:?}");
        assert!(wider_than_screen(browser, "here").await.is_some());
        stage
    })
    .await;
}

/// What is wider than the screen, if the page scrolls sideways.
async fn wider_than_screen(browser: &Browser, place: &str) -> Option<String> {
    let body = "const root = document.documentElement;
        if (root.scrollWidth <= root.clientWidth) return null;
        const wide = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > root.clientWidth + 1);
        return `${root.scrollWidth} px: ${wide.slice(-3).map((e) => `${e.localName}#${e.id}.${e.className}`)}`;";
    let wide: Option<String> = browser.eval(body).await;
    wide.map(|wide| format!("{place}: {wide}"))
}

async fn take_screenshot(browser: &Browser, name: &str) {
    if let Some(folder) = std::env::var_os(SCREENSHOTS) {
        crate::harness::scene::settle(browser).await;
        browser.take_screenshot(&PathBuf::from(folder).join(format!("{name}.png"))).await;
    }
}
