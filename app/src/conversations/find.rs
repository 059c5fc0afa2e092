//! Finding a person by the start of their name.
