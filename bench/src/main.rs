//! The KafkaTalk binary.
fn main() {}
