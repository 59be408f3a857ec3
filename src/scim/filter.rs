//! The one place where a value becomes part of a URL: filters (RFC 7644 section 3.4.2.2) and ids in paths.

/// A URL query or path part, percent-encoded: everything but the unreserved characters of RFC 3986 section 2.3.
pub fn percent_encode(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(HEX[usize::from(byte >> 4)]));
            encoded.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    encoded
}

/// `attribute eq "value"`, the value escaped as a JSON string (RFC 7644 section 3.4.2.2), not yet percent-encoded.
pub fn equals(attribute: &str, value: &str) -> String {
    format!("{attribute} eq {}", serde_json::Value::from(value))
}

/// The path of a search below the base URL: `/Users?filter=…&startIndex=1&count=…`, with the connector's own parameters.
pub fn search_path(users: &str, attribute: &str, value: &str, parameters: &str) -> String {
    let mut path = format!("{users}?filter={}", percent_encode(&equals(attribute, value)));
    if !parameters.is_empty() {
        path.push('&');
        path.push_str(parameters);
    }
    path
}

/// The path of a page of a list, from `start_index` (from 1); without a `count`, as large as the target makes it.
pub fn list_path(users: &str, start_index: u64, count: Option<u32>) -> String {
    let count = count.map(|count| format!("&count={count}")).unwrap_or_default();
    format!("{users}?startIndex={start_index}{count}")
}

/// `path` with further query parameters, as a connector writes them; nothing if there are none.
pub fn with_parameters(path: String, parameters: &str) -> String {
    match parameters {
        "" => path,
        _ if path.contains('?') => format!("{path}&{parameters}"),
        _ => format!("{path}?{parameters}"),
    }
}

/// The path of one resource. The ids `.` and `..` climb out of the collection in every encoding (RFC 3986 section 5.2.4): they are
/// encoded twice and so name nothing; [`crate::scim::decode`] does not accept them as ids in the first place.
pub fn resource_path(users: &str, id: &str) -> String {
    let encoded = if matches!(id, "." | "..") { id.replace('.', "%252E") } else { percent_encode(id) };
    format!("{users}/{encoded}")
}
