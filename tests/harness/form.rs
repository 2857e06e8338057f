//! Forms that bring a file along, as phones send pictures.

use super::door::Call;

pub(crate) const JPEG: &str = "image/jpeg";
pub(crate) const PNG: &str = "image/png";
pub(crate) const GIF: &str = "image/gif";

const BOUNDARY: &str = "----------5c0f1e";

/// A body of `multipart/form-data` that is being written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form(Vec<u8>);

impl Form {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A picture of an album (seed §17).
    pub(crate) fn logo(kind: &str, bytes: &[u8]) -> Self {
        Self::new().file("user_logo[img]", kind, bytes)
    }

    /// A picture of a conversation (seed §29, §30).
    pub(crate) fn photo(kind: &str, bytes: &[u8]) -> Self {
        Self::new().file("photo[img]", kind, bytes)
    }

    pub(crate) fn text(self, name: &str, value: &str) -> Self {
        let head = format!("Content-Disposition: form-data; name=\"{name}\"");
        self.part(&head, value.as_bytes())
    }

    pub(crate) fn file(self, name: &str, kind: &str, bytes: &[u8]) -> Self {
        let named = format!("form-data; name=\"{name}\"; filename=\"IMG_0001.JPG\"");
        let head = format!("Content-Disposition: {named}\r\nContent-Type: {kind}");
        self.part(&head, bytes)
    }

    /// A part with a head of one's own.
    pub(crate) fn part(mut self, head: &str, content: &[u8]) -> Self {
        let begin = format!("--{BOUNDARY}\r\n{head}\r\n\r\n");
        self.0.extend(begin.as_bytes());
        self.0.extend(content);
        self.0.extend(b"\r\n");
        self
    }

    /// The request that brings the form to `path`.
    pub(crate) fn to(mut self, path: &str) -> Call {
        self.0.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.cut_to(path)
    }

    /// The same, without the line that ends the form.
    pub(crate) fn cut_to(self, path: &str) -> Call {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        Call::new("POST", path).body(&kind, self.0)
    }
}
