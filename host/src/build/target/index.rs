//! Reads what Debian's mirrors publish about themselves. Pure text work; nothing here decides what to trust.

/// The line of `InRelease` for one file: its SHA-256 in hexadecimal.
pub(super) fn checksum_of<'a>(release: &'a str, file: &str) -> Option<&'a str> {
    let section = release.lines().skip_while(|line| line.trim_end() != "SHA256:").skip(1);
    section.take_while(|line| line.starts_with(' ')).find_map(|line| {
        let mut words = line.split_whitespace();
        let (checksum, _bytes, name) = (words.next()?, words.next()?, words.next()?);
        (name == file && checksum.len() == 64).then_some(checksum)
    })
}

/// A package as an index describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) version: String,
    /// Below the mirror's root.
    pub(super) file: String,
    /// In hexadecimal.
    pub(super) sha256: String,
}

/// The first package of that name whose version is wanted.
pub(super) fn find_package(index: &str, name: &str, is_wanted: impl Fn(&str) -> bool) -> Option<Package> {
    let stanzas = index.split("\n\n").filter(|stanza| field(stanza, "Package") == Some(name));
    stanzas.filter_map(package).find(|package| is_wanted(&package.version))
}

fn package(stanza: &str) -> Option<Package> {
    let owned = |name: &str| field(stanza, name).map(str::to_owned);
    let package = Package { version: owned("Version")?, file: owned("Filename")?, sha256: owned("SHA256")? };
    (package.sha256.len() == 64).then_some(package)
}

fn field<'a>(stanza: &'a str, name: &str) -> Option<&'a str> {
    stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// Whether a Debian version packages exactly this upstream release, whatever Debian changed since.
pub(super) fn packages_release(version: &str, release: &str) -> bool {
    version.strip_prefix(release).is_some_and(|rest| rest.starts_with(['+', '-', '~']))
}

/// The first mirror of Debian's main archive in an apt source list of either format.
pub(super) fn mirror_in(list: &str) -> Option<String> {
    let active = list.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let sources = active.filter(|line| line.starts_with("deb ") || line.starts_with("URIs:"));
    let mut uris = sources.flat_map(str::split_whitespace).map(|word| word.trim_end_matches('/'));
    uris.find(|uri| (uri.starts_with("http://") || uri.starts_with("https://")) && uri.ends_with("/debian"))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "19952bdcb8924c741c30bf936e7f59bd0dadac5acf919e9e2bb97b8e8e9a7704";

    #[test]
    fn checksum_comes_from_the_section_of_its_kind() {
        let release = format!(
            "Suite: x\nMD5Sum:\n 0123456789abcdef0123456789abcdef 5 main/Packages.xz\nSHA256:\n {SUM}  5 main/Packages.xz\n\
             Acquire: no\n {SUM} 5 late/Packages.xz\n"
        );
        assert_eq!(checksum_of(&release, "main/Packages.xz"), Some(SUM));
        assert_eq!(checksum_of(&release, "late/Packages.xz"), None);
        assert_eq!(checksum_of(&release, "main/Packages"), None);
        assert_eq!(checksum_of("", "main/Packages.xz"), None);
    }

    #[test]
    fn package_is_found_by_name_and_version() {
        let stanza = |name: &str, version: &str, sum: &str| {
            format!("Package: {name}\nVersion: {version}\nFilename: pool/{name}_{version}.deb\nSHA256: {sum}\n\n")
        };
        let index = [
            stanza("rust-src", "1.94.1+dfsg1-1", SUM),
            stanza("rust-src-extra", "1.95.0+dfsg1-2", SUM),
            stanza("rust-src", "1.95.0+dfsg1-1", "short"),
            stanza("rust-src", "1.95.0+dfsg1-2~bpo13+1", SUM),
        ]
        .concat();
        let found =
            find_package(&index, "rust-src", |version| packages_release(version, "1.95.0")).expect("it is there");
        assert_eq!((found.version.as_str(), found.sha256.as_str()), ("1.95.0+dfsg1-2~bpo13+1", SUM));
        assert_eq!(found.file, "pool/rust-src_1.95.0+dfsg1-2~bpo13+1.deb");
        assert_eq!(find_package(&index, "rust-src", |version| packages_release(version, "1.96.0")), None);
    }

    #[test]
    fn release_matches_exactly() {
        for (version, release, expected) in [
            ("1.95.0+dfsg1-2~bpo13+1", "1.95.0", true),
            ("1.95.0-1", "1.95.0", true),
            ("1.95.0~beta.3-1", "1.95.0", true),
            ("1.95.01-1", "1.95.0", false),
            ("1.95.0.1-1", "1.95.0", false),
            ("1.9.0-1", "1.95.0", false),
        ] {
            assert_eq!(packages_release(version, release), expected, "{version}");
        }
    }

    #[test]
    fn mirror_is_read_from_both_formats() {
        for (list, expected) in [
            ("deb http://ftp.example/debian/ trixie main", Some("http://ftp.example/debian")),
            ("deb [signed-by=/k.gpg] https://m.example/debian trixie main", Some("https://m.example/debian")),
            (
                "Types: deb\nURIs: http://d.example/debian-security http://d.example/debian\n",
                Some("http://d.example/debian"),
            ),
            ("# deb http://off.example/debian trixie main\ndeb cdrom:/debian trixie main", None),
            ("deb https://packages.example/apt cloud main", None),
            ("deb-src http://s.example/debian trixie main", None),
        ] {
            assert_eq!(mirror_in(list).as_deref(), expected, "{list}");
        }
    }
}
