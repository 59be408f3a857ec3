//! The limits of an import: what a hostile or broken export can cost at most.

/// Largest file in bytes: about a million people with fifty columns; it is held in memory while it is read.
pub const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Most files in one generation.
pub const FILES_MAX: usize = 10_000;
/// Longest record (a CSV row, a JSON object) in bytes as written. LDIF entries may be longer: photos are skipped, not stored.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;
/// Most columns of a CSV file.
pub const FIELDS_MAX: usize = 1_024;
/// Longest single value in bytes: what rules can hold in one string (16 KiB).
pub const VALUE_BYTES_MAX: usize = 16 * 1024;
/// Most values of one multi-valued attribute.
pub const VALUES_MAX: usize = 1_024;
/// Longest row in bytes, all its values together: below the store's 64 KiB a value, with room for everything else about a user.
pub const ROW_BYTES_MAX: usize = 48 * 1024;
/// Longest key in bytes.
pub const KEY_BYTES_MAX: usize = 256;
/// Bad rows kept with their details; of more, only the number is told.
pub const PROBLEMS_MAX: usize = 1_000;
/// Characters of an offending value shown in a message.
pub const SHOWN_CHARS_MAX: usize = 60;
