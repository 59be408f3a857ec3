//! The stylesheet, the script and the mark: part of the binary, addressed by what they say, so that browsers may keep them for ever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::digest::Hasher;

/// One asset.
struct Asset {
    name: String,
    kind: &'static str,
    text: &'static str,
}

impl Asset {
    fn new(stem: &str, extension: &str, kind: &'static str, text: &'static str) -> Self {
        let digest = Hasher::new().text(text).finish();
        Self { name: format!("{stem}-{}.{extension}", digest.short()), kind, text }
    }
}

static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("usher", "css", "text/css; charset=utf-8", include_str!("../assets/usher.css")));
static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("usher", "js", "text/javascript; charset=utf-8", include_str!("../assets/usher.js")));
static MARK: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("usher", "svg", "image/svg+xml", include_str!("../assets/usher.svg")));

/// The stylesheet's address.
pub fn style() -> String {
    format!("/assets/{}", STYLE.name)
}

/// The script's address.
pub fn script() -> String {
    format!("/assets/{}", SCRIPT.name)
}

/// The mark's address.
pub fn mark() -> String {
    format!("/assets/{}", MARK.name)
}

/// `GET /assets/{file}`.
pub async fn serve(Path(file): Path<String>) -> Response {
    match [&*STYLE, &*SCRIPT, &*MARK].into_iter().find(|asset| asset.name == file) {
        Some(asset) => {
            let kept = "public, max-age=31536000, immutable";
            ([(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, kept)], asset.text).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
