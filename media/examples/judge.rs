//! `judge FILE…`: says of each file whether it would be shown as a picture.
//!
//! One line each: `decoded` or `refused: why`, and the file. It fails when a file cannot be read,
//! and when what would be published of one could not be shown itself. `media/tests/corpus.sh` runs
//! it over a thousand odd files, within bounds that it cannot know of.

use media::picture;
use std::io;
use std::process::ExitCode;

fn main() -> io::Result<ExitCode> {
    let mut sound = true;
    for path in std::env::args_os().skip(1) {
        let shown = path.display();
        match picture::process(&std::fs::read(&path)?) {
            Ok(processed) => {
                println!("decoded: {shown}");
                if let Err(refusal) = picture::process(&processed.original.bytes) {
                    eprintln!("published, but {refusal}: {shown}");
                    sound = false;
                }
            }
            Err(refusal) => println!("refused: {refusal}: {shown}"),
        }
    }
    Ok(if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
