//! The least that a resolver must do: for each socket and name on the command line, one GET, and its answer read.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

fn main() -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    for pair in words.chunks_exact(2) {
        let mut stream = UnixStream::connect(&pair[0])?;
        let name = &pair[1];
        write!(stream, "GET /containers/{name}/json HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        if !answer.starts_with("HTTP/1.1 200") {
            return Err(std::io::Error::other(answer));
        }
        println!("{}", answer.len());
    }
    Ok(())
}
