//! What can be told of a component without an engine: that it is one, and its digest.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::{Error, Result};

/// The first bytes of every WebAssembly binary.
const MAGIC: &[u8] = b"\0asm";
/// Version 13 in layer 1: a component, in the encoding that wasmtime accepts.
const COMPONENT: [u8; 4] = [0x0d, 0x00, 0x01, 0x00];
/// Version 1 in layer 0: a core module, which is what the target `wasm32-unknown-unknown` gives.
const CORE_MODULE: [u8; 4] = [0x01, 0x00, 0x00, 0x00];

/// Looks at the preamble only; what the component imports is the host's to judge at installation.
pub(super) fn require_component(path: &Path, bytes: &[u8]) -> Result<()> {
    let problem = match bytes.strip_prefix(MAGIC).and_then(|rest| rest.first_chunk::<4>()) {
        Some(&COMPONENT) => return Ok(()),
        Some(&CORE_MODULE) => "it is a core module",
        Some(_) => "its version is unknown",
        None => "it is not WebAssembly",
    };
    Err(Error::NotAComponent { path: path.to_owned(), problem })
}

/// SHA-256 in lower-case hexadecimal, as plugins are pinned by.
pub(super) fn digest(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_component_passes() {
        let verdict = |bytes: &[u8]| require_component(Path::new("x.wasm"), bytes).map_err(|error| error.to_string());
        assert_eq!(verdict(b"\0asm\x0d\0\x01\0rest"), Ok(()));
        for (bytes, problem) in [
            (&b"\0asm\x01\0\0\0"[..], "a core module"),
            (b"\0asm\x0d\0\x02\0", "unknown"),
            (b"\0asm\x0d\0", "not WebAssembly"),
            (b"", "not WebAssembly"),
            (b"(component)", "not WebAssembly"),
        ] {
            let error = verdict(bytes).expect_err("refused");
            assert!(error.contains(problem), "{error}");
        }
    }
}
