//! Strings of the contract whose set may grow: a host treats a word it does not know as the vocabulary's catch-all.

/// `error.kind`: what went wrong, in words that the host acts on.
pub mod error_kind {
    /// The vendor rejected the credentials.
    pub const UNAUTHENTICATED: &str = "unauthenticated";
    /// The credentials are good, the action is not allowed to them.
    pub const PERMISSION_DENIED: &str = "permission-denied";
    /// The destination itself does not exist (an absent key is no error).
    pub const NOT_FOUND: &str = "not-found";
    /// A setting is wrong; `error.field` names it.
    pub const INVALID_SETTING: &str = "invalid-setting";
    /// One item is refused for its name, its size or because it is reserved.
    pub const INVALID_ITEM: &str = "invalid-item";
    /// A precondition failed.
    pub const CONFLICT: &str = "conflict";
    /// The vendor asks to slow down.
    pub const RATE_LIMITED: &str = "rate-limited";
    /// The vendor cannot be reached or fails; a later try may succeed.
    pub const UNAVAILABLE: &str = "unavailable";
    /// The plugin does not do this.
    pub const UNSUPPORTED: &str = "unsupported";
    /// Anything else. A host treats an unknown kind as this one.
    pub const OTHER: &str = "other";

    /// Every kind of this version of the contract.
    pub const ALL: [&str; 10] = [
        UNAUTHENTICATED,
        PERMISSION_DENIED,
        NOT_FOUND,
        INVALID_SETTING,
        INVALID_ITEM,
        CONFLICT,
        RATE_LIMITED,
        UNAVAILABLE,
        UNSUPPORTED,
        OTHER,
    ];
}

/// `log.emit`: levels. A host treats an unknown one as `info`.
pub mod log_level {
    /// The five levels, from most to least detailed.
    pub const ALL: [&str; 5] = ["trace", "debug", "info", "warn", "error"];
}

/// `choices`: which settings the parameter belongs to.
pub mod choice_scope {
    /// A parameter of the connection.
    pub const CONNECTION: &str = "connection";
    /// A parameter of one sync's destination.
    pub const DESTINATION: &str = "destination";
}

/// `host-info.features`: optional abilities of a host.
pub mod feature {
    /// `destination.finish` is called after a run that changed something.
    pub const FINISH: &str = "finish";
}

/// `typeName` of `String` parameters with a meaning to the host.
pub mod type_name {
    /// One host label: no dot, slash or colon. May stand inside an egress host pattern.
    pub const LABEL: &str = "label";
    /// Scheme, host and port, nothing more. An egress entry may take all three from it.
    pub const ORIGIN: &str = "origin";
}
