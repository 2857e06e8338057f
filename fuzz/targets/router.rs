//! libFuzzer for the router of stanzas.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::router::run(bytes));
