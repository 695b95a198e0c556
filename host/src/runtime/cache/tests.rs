use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use super::*;

struct Fixture {
    directory: tempfile::TempDir,
    engine: Engine,
}

impl Fixture {
    fn new() -> Self {
        let engine = super::super::engine::compile_only().unwrap();
        Self { directory: tempfile::tempdir().unwrap(), engine }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("code")
    }

    fn cache(&self, key: u8) -> CodeCache {
        CodeCache::open(CodeCacheOptions { directory: self.path(), key: Secret::new([key; 32]) }, &self.engine).unwrap()
    }

    fn only_entry(&self) -> PathBuf {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries.remove(0)
    }
}

fn digest(byte: u8) -> Digest {
    Digest::from_bytes([byte; 32])
}

fn artifact() -> TrustedArtifact {
    TrustedArtifact::vouched_for(b"machine code".to_vec())
}

fn read(cache: &CodeCache, byte: u8) -> Option<Vec<u8>> {
    cache.read(&digest(byte)).map(|artifact| artifact.bytes().to_vec())
}

#[test]
fn what_was_written_is_read_back_after_a_restart() {
    let fixture = Fixture::new();
    fixture.cache(1).write(&digest(1), &artifact());
    assert_eq!(read(&fixture.cache(1), 1).unwrap(), b"machine code");
    assert!(read(&fixture.cache(1), 2).is_none());
}

#[test]
fn a_single_flipped_bit_anywhere_makes_an_entry_absent() {
    let fixture = Fixture::new();
    let cache = fixture.cache(1);
    cache.write(&digest(1), &artifact());
    let path = fixture.only_entry();
    let whole = std::fs::read(&path).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut changed = whole.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, changed).unwrap();
        assert!(read(&cache, 1).is_none(), "bit {bit}");
    }
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(read(&cache, 1).is_none(), "length {length}");
    }
}

#[test]
fn an_entry_under_another_key_or_name_is_absent() {
    let fixture = Fixture::new();
    fixture.cache(1).write(&digest(1), &artifact());
    assert!(read(&fixture.cache(2), 1).is_none());
    let planted = fixture.path().join(fixture.cache(1).name(&digest(2)));
    std::fs::rename(fixture.only_entry(), planted).unwrap();
    assert!(read(&fixture.cache(1), 2).is_none());
}

#[test]
fn a_refused_entry_is_replaced_by_a_good_one() {
    let fixture = Fixture::new();
    let cache = fixture.cache(1);
    cache.write(&digest(1), &artifact());
    std::fs::write(fixture.only_entry(), b"planted").unwrap();
    cache.write(&digest(1), &artifact());
    assert_eq!(read(&cache, 1).unwrap(), b"machine code");
}

#[test]
fn links_are_not_followed() {
    let fixture = Fixture::new();
    let cache = fixture.cache(1);
    cache.write(&digest(1), &artifact());
    let (entry, outside) = (fixture.only_entry(), fixture.directory.path().join("outside"));
    std::fs::rename(&entry, &outside).unwrap();
    symlink(&outside, &entry).unwrap();
    assert!(read(&cache, 1).is_none());
}

#[test]
fn a_directory_that_others_may_enter_is_refused() {
    let fixture = Fixture::new();
    drop(fixture.cache(1));
    std::fs::set_permissions(fixture.path(), std::fs::Permissions::from_mode(0o750)).unwrap();
    let options = CodeCacheOptions { directory: fixture.path(), key: Secret::new([1; 32]) };
    assert!(matches!(CodeCache::open(options, &fixture.engine), Err(CacheError::NotPrivate)));
}

#[test]
fn a_linked_directory_is_refused() {
    let fixture = Fixture::new();
    let real = fixture.directory.path().join("real");
    std::fs::create_dir(&real).unwrap();
    symlink(&real, fixture.path()).unwrap();
    let options = CodeCacheOptions { directory: fixture.path(), key: Secret::new([1; 32]) };
    assert!(matches!(CodeCache::open(options, &fixture.engine), Err(CacheError::Open(_))));
}

#[test]
fn the_oldest_entries_give_way() {
    let fixture = Fixture::new();
    let cache = fixture.cache(1);
    for number in 0..=ENTRIES_MAX {
        std::fs::write(fixture.path().join(format!("{number}.cwasm")), b"").unwrap();
    }
    cache.write(&digest(1), &artifact());
    assert_eq!(std::fs::read_dir(fixture.path()).unwrap().count(), ENTRIES_MAX);
    assert!(read(&cache, 1).is_some());
}

#[test]
fn engines_with_equal_settings_share_entries() {
    let pooled = super::super::engine::PluginEngine::start(2).unwrap();
    assert_eq!(fingerprint(&pooled.engine), fingerprint(&Fixture::new().engine));
}
