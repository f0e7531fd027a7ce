//! The embedded files and how they are answered: compressed as the browser likes, from its cache
//! where it has them. In: a path and the request's headers. Out: a response. It must not know who
//! asks: files are the same for everyone.

use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;

use crate::web::responses::error;

/// One embedded file.
struct File {
    /// Below `static/dist`.
    path: &'static str,
    media_type: &'static str,
    /// Of the content.
    hash: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
    brotli: &'static [u8],
}

/// All of them, sorted by path, as `static/build.rs` found them.
static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// How long a browser may use a file without asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cache {
    /// For ever: the name changes with the content.
    Forever,
    /// Not at all without asking; the answer is mostly 304.
    Ask,
}

/// `GET /assets/{name}`
pub(super) async fn file(Path(name): Path<String>, request: HeaderMap) -> Response {
    answer(&format!("assets/{name}"), Cache::Forever, &request)
}

/// The embedded file at `path`, in the best form for this request.
pub(super) fn answer(path: &str, cache: Cache, request: &HeaderMap) -> Response {
    let Ok(found) = FILES.binary_search_by_key(&path, |file| file.path) else {
        return error(StatusCode::NOT_FOUND, "there is no such file");
    };
    let file = &FILES[found];
    let encoding = Encoding::best(request);
    // A strong tag names bytes, so each encoding has its own.
    let tag = format!("\"{}{}\"", file.hash, encoding.suffix());
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        let value = HeaderValue::from_str(value).expect("types and hashes are visible ASCII");
        headers.insert(name, value);
    };
    set(VARY, "accept-encoding");
    set(ETAG, &tag);
    set(
        CACHE_CONTROL,
        match cache {
            Cache::Forever => "public, max-age=31536000, immutable",
            Cache::Ask => "no-cache",
        },
    );
    let bytes = match encoding {
        Encoding::Plain => file.plain,
        Encoding::Gzip => file.gzip,
        Encoding::Brotli => file.brotli,
    };
    if has(request, &tag) {
        // Said here, or it would be said to be 0: a cache believes it of what it holds.
        set(CONTENT_LENGTH, &bytes.len().to_string());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    set(CONTENT_TYPE, file.media_type);
    if let Some(name) = encoding.name() {
        set(CONTENT_ENCODING, name);
    }
    *response.body_mut() = Body::from(Bytes::from_static(bytes));
    response
}

/// Whether the browser already holds what `tag` names.
fn has(request: &HeaderMap, tag: &str) -> bool {
    list(request, IF_NONE_MATCH).any(|held| held == "*" || held.trim_start_matches("W/") == tag)
}

/// The elements of a header that may come in several lines.
fn list(request: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = request.get_all(name).into_iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Plain,
    Gzip,
    Brotli,
}

impl Encoding {
    /// The smallest form the browser takes.
    fn best(request: &HeaderMap) -> Self {
        let takes = |wanted: &str| {
            list(request, ACCEPT_ENCODING).any(|element| {
                let (name, weight) = element.split_once(';').unwrap_or((element, ""));
                let refused = weight
                    .trim()
                    .strip_prefix("q=")
                    .and_then(|q| q.parse().ok())
                    == Some(0.0);
                name.trim().eq_ignore_ascii_case(wanted) && !refused
            })
        };
        match () {
            () if takes("br") => Self::Brotli,
            () if takes("gzip") => Self::Gzip,
            () => Self::Plain,
        }
    }

    fn name(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Gzip => "-gzip",
            Self::Brotli => "-br",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    fn xterm() -> &'static File {
        FILES
            .iter()
            .find(|file| file.path.ends_with(".mjs"))
            .expect("the terminal is embedded")
    }

    #[test]
    fn every_file_is_found_by_its_path() {
        assert!(FILES.len() > 10);
        for file in FILES {
            let response = answer(file.path, Cache::Forever, &HeaderMap::new());
            assert_eq!(response.status(), StatusCode::OK, "{}", file.path);
        }
        let response = answer("assets/none.js", Cache::Forever, &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn the_smallest_form_the_browser_takes() {
        for (accepted, best) in [
            ("gzip, deflate, br, zstd", Encoding::Brotli),
            ("gzip;q=1.0, identity", Encoding::Gzip),
            ("BR", Encoding::Brotli),
            ("br;q=0, gzip;q=0.5", Encoding::Gzip),
            ("br; q=0.000, gzip; q=0", Encoding::Plain),
            ("identity", Encoding::Plain),
            ("", Encoding::Plain),
        ] {
            assert_eq!(
                Encoding::best(&request(ACCEPT_ENCODING, accepted)),
                best,
                "{accepted:?}"
            );
        }
    }

    #[test]
    fn a_held_file_is_not_sent_again() {
        let file = xterm();
        let first = answer(file.path, Cache::Forever, &request(ACCEPT_ENCODING, "br"));
        let tag = first.headers()[ETAG].clone();
        assert_eq!(first.headers()[CONTENT_ENCODING], "br");
        assert_eq!(first.headers()[VARY], "accept-encoding");

        let mut again = request(ACCEPT_ENCODING, "br");
        again.insert(IF_NONE_MATCH, tag.clone());
        let response = answer(file.path, Cache::Forever, &again);
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(response.headers()[ETAG], tag);

        // The same tag does not name the plain form.
        let response = answer(
            file.path,
            Cache::Forever,
            &HeaderMap::from_iter([(IF_NONE_MATCH, tag)]),
        );
        assert_eq!(response.status(), StatusCode::OK);
    }

    #[test]
    fn only_hashed_names_are_kept_without_asking() {
        for file in FILES {
            assert_eq!(
                file.path.starts_with("assets/"),
                file.path.contains(file.hash),
                "{}",
                file.path
            );
        }
    }
}
