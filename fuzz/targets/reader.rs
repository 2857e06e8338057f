//! libFuzzer for the reader of streams.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::reader::run(bytes));
