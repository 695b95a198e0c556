//! Gets the library sources from Debian's mirror. What is compiled into every plugin must be vouched for: the release file
//! by Debian's signature, or where that cannot be checked by TLS to the mirror; the index by the release file; the package
//! by the index.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use crate::build::files::{create_dir, entries, read_text};
use crate::build::process::{command, stdout_of};
use crate::build::target::Toolchain;
use crate::build::target::index::{Package, checksum_of, find_package, mirror_in, packages_release};
use crate::build::target::sources::{Sources, unpack};
use crate::build::{Error, Progress, Result};

const DEFAULT_MIRROR: &str = "https://deb.debian.org/debian";
/// Where new compilers appear first, then where the C library is certain to be, then everything.
const SUITES: [&str; 3] = ["trixie-backports", "trixie", "sid"];
/// Both packages are for every architecture and stand in each one's index.
const INDEX: &str = "main/binary-amd64/Packages.xz";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const FETCH_LIMIT: Duration = Duration::from_secs(600);
const TOOL_LIMIT: Duration = Duration::from_secs(120);
/// rust-src is 45 MB; a mirror that sends much more sends something else.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Fetches, checks and unpacks the sources of this compiler's library below `work`.
pub(super) async fn sources(toolchain: &Toolchain, work: &Path, progress: &dyn Progress) -> Result<Sources> {
    let root = mirror_of_apt(Path::new("/etc/apt")).unwrap_or_else(|| DEFAULT_MIRROR.to_owned());
    let mirror = Mirror::new(root, work.join("download"))?;
    progress.line(&format!("looking for the library sources of rustc {} on {}", toolchain.release, mirror.root));
    let (rust_src, wasi_libc) = mirror.find(&toolchain.release).await?;
    let folder = work.join("sources");
    for (package, member) in
        [(rust_src, format!("./usr/src/rustc-{}/library", toolchain.release)), (wasi_libc, "./usr/lib".into())]
    {
        progress.line(&format!("fetching {}", package.file));
        let deb = mirror.fetch(&package.file, &package.sha256).await?;
        let data = unwrap_deb(&deb)?;
        unpack(&data, &folder, &[OsStr::new(&member)]).await?;
    }
    fs::remove_dir_all(&mirror.downloads).map_err(Error::file("remove", &mirror.downloads))?;
    Sources::find(folder)
}

struct Mirror {
    root: String,
    client: reqwest::Client,
    downloads: PathBuf,
}

impl Mirror {
    fn new(root: String, downloads: PathBuf) -> Result<Self> {
        create_dir(&downloads)?;
        let client = reqwest::Client::builder().connect_timeout(CONNECT_LIMIT).timeout(FETCH_LIMIT).build();
        let client = client.map_err(|error| Error::Fetch { url: root.clone(), problem: chain_of(&error) })?;
        Ok(Self { root, client, downloads })
    }

    /// The sources for the release and the C library, from the first suites that have them.
    async fn find(&self, release: &str) -> Result<(Package, Package)> {
        let (mut rust_src, mut wasi_libc) = (None, None);
        let mut unreadable = Vec::new();
        for suite in SUITES {
            match self.index(suite).await {
                Ok(index) => {
                    rust_src = rust_src.or_else(|| find_package(&index, "rust-src", |v| packages_release(v, release)));
                    wasi_libc = wasi_libc.or_else(|| find_package(&index, "wasi-libc", |_| true));
                }
                Err(error) => unreadable.push(format!("{suite}: {}", error.chain())),
            }
            if let (Some(rust_src), Some(wasi_libc)) = (&rust_src, &wasi_libc) {
                return Ok((rust_src.clone(), wasi_libc.clone()));
            }
        }
        let lacking = if rust_src.is_none() { format!("rust-src {release}") } else { "wasi-libc".to_owned() };
        let mut problem = format!("{} has no {lacking} in {}", self.root, SUITES.join(", "));
        if !unreadable.is_empty() {
            problem = format!("{problem} (not readable: {})", unreadable.join("; "));
        }
        Err(Error::NoSources(problem))
    }

    /// A suite's package index, vouched for.
    async fn index(&self, suite: &str) -> Result<String> {
        let release_file = self.fetch_unchecked(&format!("dists/{suite}/InRelease")).await?;
        self.check_signature(suite, &release_file).await?;
        let release = read_text(&release_file)?;
        let untrusted = || Error::Untrusted {
            what: format!("{suite}/{INDEX}"),
            problem: "the release file does not name it".into(),
        };
        let checksum = checksum_of(&release, INDEX).ok_or_else(untrusted)?;
        let index = self.fetch(&format!("dists/{suite}/{INDEX}"), checksum).await?;
        stdout_of(command("xz").args(["--decompress", "--stdout"]).arg(index), TOOL_LIMIT).await
    }

    async fn check_signature(&self, suite: &str, release_file: &Path) -> Result<()> {
        let mut gpgv = command("gpgv");
        gpgv.args(["--keyring", KEYRING]).arg(release_file);
        let problem = match stdout_of(&mut gpgv, TOOL_LIMIT).await {
            Ok(_) => return Ok(()),
            // Without the means to check it, the mirror's own identity has to do.
            Err(Error::Spawn { .. }) if self.root.starts_with("https://") => return Ok(()),
            Err(_) if !Path::new(KEYRING).is_file() && self.root.starts_with("https://") => return Ok(()),
            Err(error) => error.chain(),
        };
        Err(Error::Untrusted { what: format!("{}/dists/{suite}/InRelease", self.root), problem })
    }

    /// Fetches a file and compares its SHA-256.
    async fn fetch(&self, path: &str, sha256: &str) -> Result<PathBuf> {
        let (file, digest) = self.download(path).await?;
        if digest == sha256.to_ascii_lowercase() {
            return Ok(file);
        }
        Err(Error::Untrusted {
            what: format!("{}/{path}", self.root),
            problem: "its checksum is not the index's".to_owned(),
        })
    }

    async fn fetch_unchecked(&self, path: &str) -> Result<PathBuf> {
        self.download(path).await.map(|(file, _)| file)
    }

    async fn download(&self, path: &str) -> Result<(PathBuf, String)> {
        let url = format!("{}/{path}", self.root);
        let failed = |problem: String| Error::Fetch { url: url.clone(), problem };
        let response = self.client.get(&url).send().await.and_then(reqwest::Response::error_for_status);
        let mut response = response.map_err(|error| failed(chain_of(&error.without_url())))?;
        let place = self.downloads.join(path.replace('/', "_"));
        let mut file = tokio::fs::File::create(&place).await.map_err(Error::file("create", &place))?;
        let (mut digest, mut bytes) = (Sha256::new(), 0_u64);
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(chain_of(&error.without_url())))? {
            bytes = bytes.saturating_add(chunk.len() as u64);
            if bytes > FILE_BYTES_MAX {
                return Err(failed(format!("larger than {} MiB", FILE_BYTES_MAX >> 20)));
            }
            digest.update(&chunk);
            file.write_all(&chunk).await.map_err(Error::file("write", &place))?;
        }
        file.flush().await.map_err(Error::file("write", &place))?;
        Ok((place, data_encoding::HEXLOWER.encode(&digest.finalize())))
    }
}

fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The mirror that this machine's apt uses, if it has an apt.
fn mirror_of_apt(configuration: &Path) -> Option<String> {
    let lists = entries(&configuration.join("sources.list.d")).unwrap_or_default();
    let lists = std::iter::once(configuration.join("sources.list")).chain(lists);
    lists.filter_map(|path| fs::read_to_string(path).ok()).find_map(|list| mirror_in(&list))
}

/// Takes the archive of files out of a package, which is an `ar` archive of three members; machines without dpkg have no
/// tool for it that can be relied on.
fn unwrap_deb(deb: &Path) -> Result<PathBuf> {
    let bytes = crate::build::files::read(deb)?;
    let malformed =
        || Error::Untrusted { what: deb.display().to_string(), problem: "it is not a Debian package".to_owned() };
    let (name, data) = data_member(&bytes).ok_or_else(malformed)?;
    let place = deb.with_extension(name);
    fs::write(&place, data).map_err(Error::file("write", &place))?;
    Ok(place)
}

/// The member `data.tar.*` of an `ar` archive: its name and bytes.
fn data_member(deb: &[u8]) -> Option<(String, &[u8])> {
    const HEADER_BYTES: usize = 60;
    let mut rest = deb.strip_prefix(b"!<arch>\n")?;
    loop {
        let (header, body) = rest.split_at_checked(HEADER_BYTES)?;
        let header = std::str::from_utf8(header).ok()?;
        let name = header.get(..16)?.trim_end().trim_end_matches('/');
        let (data, after) = body.split_at_checked(header.get(48..58)?.trim().parse().ok()?)?;
        if name.starts_with("data.tar") {
            return Some((name.to_owned(), data));
        }
        // Members begin at even places.
        rest = if data.len() % 2 == 1 { after.strip_prefix(b"\n")? } else { after };
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    fn member(name: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 644, data.len()).into_bytes();
        bytes.extend(data);
        if data.len() % 2 == 1 {
            bytes.push(b'\n');
        }
        bytes
    }

    #[test]
    fn files_of_a_package_are_found_behind_its_other_members() {
        let members =
            [member("debian-binary", b"2.0\n"), member("control.tar.xz/", b"odd"), member("data.tar.xz", b"files")];
        let deb = [b"!<arch>\n".to_vec(), members.concat()].concat();
        assert_eq!(data_member(&deb), Some(("data.tar.xz".to_owned(), &b"files"[..])));
        for cut in 0..deb.len() - 1 {
            assert_eq!(data_member(&deb[..cut]), None, "cut at {cut}");
        }
    }

    /// A mirror on loopback that has these files and nothing else.
    async fn mirror(files: &'static [(&'static str, &'static str)]) -> (tempfile::TempDir, Mirror) {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                let length = stream.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
                let (status, body) = match files.iter().find(|(name, _)| *name == path) {
                    Some((_, body)) => ("200 OK", *body),
                    None => ("404 Not Found", ""),
                };
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                stream.write_all((head + body).as_bytes()).await.unwrap();
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let mirror = Mirror::new(root, folder.path().join("download")).unwrap();
        (folder, mirror)
    }

    #[tokio::test]
    async fn file_is_taken_only_with_its_checksum() {
        let (_folder, mirror) = mirror(&[("pool/x.deb", "abc")]).await;
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let file = mirror.fetch("pool/x.deb", abc).await.unwrap();
        assert_eq!(fs::read_to_string(file).unwrap(), "abc");
        let error = mirror.fetch("pool/x.deb", &abc.replace('b', "c")).await.unwrap_err();
        assert!(matches!(error, Error::Untrusted { .. }), "{error}");
        let error = mirror.fetch("pool/absent.deb", abc).await.unwrap_err();
        assert!(matches!(&error, Error::Fetch { problem, .. } if problem.contains("404")), "{error}");
    }

    #[tokio::test]
    async fn index_that_nobody_signed_is_not_taken_without_tls() {
        let (_folder, mirror) =
            mirror(&[("dists/sid/InRelease", "SHA256:\n 00 1 main/binary-amd64/Packages.xz\n")]).await;
        let error = mirror.index("sid").await.unwrap_err();
        assert!(matches!(error, Error::Untrusted { .. }), "{error}");
    }

    #[tokio::test]
    async fn missing_sources_are_told_with_every_suite_that_could_not_be_read() {
        let (_folder, mirror) = mirror(&[]).await;
        let error = mirror.find("1.95.0").await.unwrap_err().to_string();
        assert!(
            error.contains("no rust-src 1.95.0") && SUITES.iter().all(|suite| error.contains(&format!("{suite}: "))),
            "{error}"
        );
    }

    #[test]
    fn mirror_of_a_machine_without_apt_is_unknown() {
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(mirror_of_apt(empty.path()), None);
        fs::create_dir(empty.path().join("sources.list.d")).unwrap();
        fs::write(empty.path().join("sources.list.d/a.sources"), "Types: deb\nURIs: http://m.example/debian\n")
            .unwrap();
        assert_eq!(mirror_of_apt(empty.path()).as_deref(), Some("http://m.example/debian"));
    }
}
