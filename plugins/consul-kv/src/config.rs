//! What a connection, a credential and a sync ask.

use keyferry_sdk::{Error, Settings};

/// Where Consul answers.
#[derive(Settings)]
pub struct Cluster {
    /// Scheme, host and port of Consul's HTTP interface.
    #[setting(display_name = "Address", origin)]
    pub address: String,
    /// The datacenter whose keys are meant; without it the one that answers. Needed where several are federated.
    #[setting(display_name = "Datacenter", pattern = "[A-Za-z0-9_-]+", max_length = 64)]
    pub datacenter: Option<String>,
}

/// A token of Consul's access control.
#[derive(Settings)]
pub struct AclToken {
    #[setting(display_name = "ACL token", secret)]
    pub acl_token: String,
}

/// Where one sync writes to.
#[derive(Settings)]
pub struct Target {
    /// What keys begin with: it ends with a slash and does not begin with one.
    #[setting(display_name = "Path", pattern = "([^/]+/)+", max_length = 400)]
    pub path: String,
}

impl Cluster {
    /// The address without a slash at the end.
    pub fn base_url(&self) -> &str {
        self.address.trim_end_matches('/')
    }

    /// The address spelled one way: in lower case, without the scheme's own port.
    pub fn origin(&self) -> String {
        let origin = self.base_url().to_ascii_lowercase();
        let own_port = if origin.starts_with("https://") { ":443" } else { ":80" };
        origin.strip_suffix(own_port).map_or_else(|| origin.clone(), str::to_owned)
    }
}

impl Target {
    /// The key in Consul.
    pub fn name_of(&self, key: &str) -> String {
        format!("{}{key}", self.path)
    }

    /// The key of a name in Consul; `None` for the path itself, which Consul's own interface makes as a folder.
    pub fn key_of<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(&self.path).filter(|key| !key.is_empty())
    }

    /// Checks what stands in a URL later on.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidSetting`](keyferry_sdk::ErrorKind::InvalidSetting) with the field `path`.
    pub fn validate(&self) -> Result<(), Error> {
        let invalid = |message: &str| Err(Error::invalid_setting("path", message));
        let Some(inside) = self.path.strip_suffix('/') else {
            return invalid("the path must end with a slash");
        };
        if inside.split('/').any(str::is_empty) {
            return invalid("the path must not begin with a slash or have an empty level");
        }
        if inside.split('/').any(is_dot_segment) {
            return invalid("the path must not have `.` or `..` as a level");
        }
        Ok(())
    }
}

/// What URL parsers take for a step to elsewhere.
pub(crate) fn is_dot_segment(segment: &str) -> bool {
    matches!(segment, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_checked_beyond_their_pattern() {
        for path in ["app/", "app/prod/", "a b/ü/", "a../.b/"] {
            assert!(Target { path: path.into() }.validate().is_ok(), "{path}");
        }
        for path in ["", "/", "app", "/app/", "a//b/", "../", "a/../b/", "a/./"] {
            let error = Target { path: path.into() }.validate().expect_err(path);
            assert_eq!(error.field(), Some("path"), "{path}");
        }
    }

    #[test]
    fn the_folder_itself_is_no_key() {
        let target = Target { path: "app/".into() };
        for (name, key) in [("app/A", Some("A")), ("app/deep/A", Some("deep/A")), ("app/", None), ("apple/A", None)] {
            assert_eq!(target.key_of(name), key, "{name}");
        }
        assert_eq!(target.name_of("A"), "app/A");
    }

    #[test]
    fn equal_addresses_are_spelled_alike() {
        for (address, expected) in [
            ("https://Consul.example:443/", "https://consul.example"),
            ("http://consul.example:8500", "http://consul.example:8500"),
            ("http://consul.example:80", "http://consul.example"),
        ] {
            let cluster = Cluster { address: address.into(), datacenter: None };
            assert_eq!(cluster.origin(), expected, "{address}");
        }
    }
}
