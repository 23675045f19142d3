//! Parses `PROXY_URLS`, the exits to YouTube. The URLs may contain passwords, so errors show only
//! the number of a URL.

use reqwest::Proxy;
use url::Url;

const SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];

/// Returns each proxy, with a name to show: its number, host and port. An empty text has none.
///
/// # Errors
/// Returns a text that says which URL is wrong and why, without any secret.
pub(super) fn parse(text: &str) -> Result<Vec<(String, Proxy)>, String> {
    let mut urls: Vec<Url> = Vec::new();
    for (number, text) in (1..).zip(each(text)) {
        let url = parse_one(text.trim());
        let url = url.map_err(|problem| format!("the URL number {number} {problem}"))?;
        // The same host and port with another user may be another exit, so that is allowed.
        if urls.contains(&url) {
            return Err(format!("the URL number {number} is listed twice"));
        }
        urls.push(url);
    }
    (1..).zip(urls).map(|(number, url)| proxy(number, url)).collect()
}

/// Returns the single URLs, unchanged.
pub(super) fn each(text: &str) -> impl Iterator<Item = &str> {
    // A compose file passes an unset variable on as an empty one.
    let text = Some(text).filter(|text| !text.trim().is_empty());
    text.into_iter().flat_map(|text| text.split(','))
}

fn parse_one(text: &str) -> Result<Url, String> {
    let form = "must be of the form http://host:port, https://host:port or socks5://host:port, \
                with user:password@ before the host if the proxy needs one";
    let url = Url::parse(text).map_err(|error| format!("{form}: {error}"))?;
    let is_bare =
        matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    let is_whole = url.host_str().is_some_and(|host| !host.is_empty())
        // http and https have a default port; a socks5 URL must contain one.
        && url.port_or_known_default().is_some();
    if is_bare && is_whole && SCHEMES.contains(&url.scheme()) {
        Ok(url)
    } else {
        Err(form.to_owned())
    }
}

fn proxy(number: usize, url: Url) -> Result<(String, Proxy), String> {
    let (host, port) = (url.host_str().unwrap_or(""), url.port_or_known_default().unwrap_or(0));
    let name = format!("{number}, {host}:{port}");
    // The error is dropped, because it might show the URL.
    let proxy = Proxy::all(url).map_err(|_| format!("the URL number {number} cannot be used"))?;
    Ok((name, proxy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_named_without_their_secrets() {
        let text = "http://one:3128, https://user:hunter2@two:443,socks5://[::1]:1080,\
                    socks5h://user:hunter2@three:1080/";
        let names: Vec<_> = parse(text).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["1, one:3128", "2, two:443", "3, [::1]:1080", "4, three:1080"]);
        assert_eq!(parse("http://a:b@gate:1,http://c:d@gate:1").unwrap().len(), 2);
        for none in ["", "  "] {
            assert!(parse(none).unwrap().is_empty());
        }
    }

    #[test]
    fn a_wrong_one_is_named_by_its_number_and_shown_by_no_error() {
        for wrong in [
            "hunter2",
            "//user:hunter2@proxy:1",
            "ftp://user:hunter2@proxy:1",
            "socks4://user:hunter2@proxy:1",
            "socks5://user:hunter2@proxy",
            "http://user:hunter2@proxy:1/path",
            "http://user:hunter2@proxy:1/?a=1",
            "http://user:hunter2@proxy:port",
            "http://user:hunter2@:1",
            "",
            "http://good:1",
        ] {
            let problem = parse(&format!("http://good:1,{wrong}")).unwrap_err();
            assert!(problem.starts_with("the URL number 2 "), "{wrong}: {problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
