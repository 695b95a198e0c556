//! What clients ask for when they read secrets.

use utoipa::IntoParams;

use crate::api::fields::{Fields, Read, read};
use crate::api::infisical::extract::project;
use crate::api::infisical::place;
use crate::domain::error::violation;
use crate::domain::name::Tag;
use crate::service::folders::Place;
use crate::service::secrets::gather::{Gathering, Showing};

/// Whose value is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Shared,
    Personal,
}

/// The words for [`Kind`].
pub(super) const KINDS: &[(&str, Kind)] = &[("shared", Kind::Shared), ("personal", Kind::Personal)];
/// Members of metadata that one list may be filtered by.
const FILTERS_MAX: usize = 10;
/// Characters of a filter.
const FILTER_CHARS_MAX: usize = 8_000;

/// Which secrets are listed, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, non_snake_case, reason = "documents what `ListQuery` reads, by the names on the wire")]
pub(super) struct ListParams {
    /// The project's id or slug; also `workspaceId`, `workspaceSlug` and `projectSlug`.
    projectId: String,
    /// The environment's slug.
    environment: String,
    /// The folder; by default the root.
    secretPath: Option<String>,
    /// Whether values are shown, by default true; needs `secrets:reveal`, else they are hidden.
    viewSecretValue: Option<bool>,
    /// Whether references in values are followed; those that lead nowhere stay. By default false in v3 and true in v4.
    expandSecretReferences: Option<bool>,
    /// Whether `imports` is added; also `includeImports`. By default false in v3 and true in v4.
    include_imports: Option<bool>,
    /// Whether the caller's own overrides are added. By default false in v3 and true in v4.
    includePersonalOverrides: Option<bool>,
    /// Also the folders below.
    recursive: Option<bool>,
    /// Only secrets with one of these tags, divided by commas.
    tagSlugs: Option<String>,
    /// Only secrets with all of these members of metadata: `key=a,value=b|key=c,value=d`.
    metadataFilter: Option<String>,
}

/// Which secrets are listed.
pub(super) struct ListQuery {
    pub(super) project: String,
    pub(super) gathering: Gathering,
}

impl ListQuery {
    fn read(fields: &mut Fields<'_>, default: bool) -> Option<Self> {
        let project = project(fields);
        let place = place::of_secrets(fields);
        let showing = showing(fields, default);
        let personal = fields.or("includePersonalOverrides", default, read::boolean);
        let recursive = fields.or("recursive", false, read::boolean);
        let tags = tags(fields);
        let metadata = metadata(fields);
        let showing = Showing { personal: personal?, ..showing? };
        let gathering = Gathering { place: place?, recursive: recursive?, showing, tags: tags?, metadata: metadata? };
        Some(Self { project: project?, gathering })
    }
}

/// As v3 lists.
pub(super) struct ListV3(pub(super) ListQuery);

impl Read for ListV3 {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        ListQuery::read(fields, false).map(Self)
    }
}

/// As v4 lists.
pub(super) struct ListV4(pub(super) ListQuery);

impl Read for ListV4 {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        ListQuery::read(fields, true).map(Self)
    }
}

/// How one secret is read, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, non_snake_case, reason = "documents what `OneQuery` reads, by the names on the wire")]
pub(super) struct OneParams {
    /// The project's id or slug; also `workspaceId`, `workspaceSlug` and `projectSlug`.
    projectId: String,
    /// The environment's slug.
    environment: String,
    /// The folder; by default the root.
    secretPath: Option<String>,
    /// `shared`, which is the default, or `personal` for the caller's own override.
    r#type: Option<String>,
    /// An earlier version of a shared secret.
    version: Option<i64>,
    /// Whether the value is shown, by default true; needs `secrets:reveal`, else it is hidden.
    viewSecretValue: Option<bool>,
    /// Whether references in the value are followed. By default false in v3 and true in v4.
    expandSecretReferences: Option<bool>,
    /// Whether it may be imported; also `includeImports`. By default false in v3 and true in v4.
    include_imports: Option<bool>,
}

/// How one secret is read.
pub(super) struct OneQuery {
    pub(super) project: String,
    pub(super) place: Place,
    pub(super) kind: Kind,
    pub(super) version: Option<u64>,
    pub(super) showing: Showing,
}

impl OneQuery {
    fn read(fields: &mut Fields<'_>, default: bool) -> Option<Self> {
        let project = project(fields);
        let place = place::of_secrets(fields);
        let kind = fields.or("type", Kind::Shared, read::choice(KINDS));
        let version = fields.optional("version", read::integer(1..=i64::MAX));
        let showing = showing(fields, default);
        let version = version?.and_then(|version| u64::try_from(version).ok());
        let kind = kind?;
        let showing = Showing { personal: kind == Kind::Personal, ..showing? };
        Some(Self { project: project?, place: place?, kind, version, showing })
    }
}

/// As v3 reads one.
pub(super) struct OneV3(pub(super) OneQuery);

impl Read for OneV3 {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        OneQuery::read(fields, false).map(Self)
    }
}

/// As v4 reads one.
pub(super) struct OneV4(pub(super) OneQuery);

impl Read for OneV4 {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        OneQuery::read(fields, true).map(Self)
    }
}

/// How a secret that is named by its id is shown.
pub(super) struct ByIdQuery(pub(super) Showing);

impl Read for ByIdQuery {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        showing(fields, false).map(Self)
    }
}

fn showing(fields: &mut Fields<'_>, default: bool) -> Option<Showing> {
    let values = fields.or("viewSecretValue", true, read::boolean);
    let expand = fields.or("expandSecretReferences", default, read::boolean);
    // `include_imports` is read as `includeImports`, as every name of a query is.
    let imports = fields.or("includeImports", default, read::boolean);
    Some(Showing { values: values?, expand: expand?, imports: imports?, personal: false })
}

fn tags(fields: &mut Fields<'_>) -> Option<Vec<Tag>> {
    let text = fields.or("tagSlugs", String::new(), read::text(FILTER_CHARS_MAX))?;
    let slugs = text.split(',').map(str::trim).filter(|slug| !slug.is_empty());
    let tags: Result<Vec<Tag>, _> = slugs.map(str::parse).collect();
    tags.ok().or_else(|| fields.refuse("tagSlugs", violation::MALFORMED, "must be slugs of tags, divided by commas"))
}

fn metadata(fields: &mut Fields<'_>) -> Option<Vec<(String, String)>> {
    let text = fields.or("metadataFilter", String::new(), read::text(FILTER_CHARS_MAX))?;
    let filters: Vec<(String, String)> = text.split('|').filter_map(filter).collect();
    if filters.is_empty() && !text.is_empty() {
        return fields.refuse("metadataFilter", violation::MALFORMED, "must be as `key=a,value=b|key=c,value=d`");
    }
    if filters.len() > FILTERS_MAX {
        return fields.refuse("metadataFilter", violation::TOO_LONG, format!("may name at most {FILTERS_MAX} members"));
    }
    Some(filters)
}

/// `key=a,value=b`.
fn filter(text: &str) -> Option<(String, String)> {
    let (key, value) = text.trim().strip_prefix("key=")?.split_once(",value=")?;
    Some((key.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::fields::read_query_leniently;

    #[test]
    fn defaults_differ_between_the_versions() {
        let query = "workspaceId=p&environment=dev";
        let ListV3(v3) = read_query_leniently(query).expect("it is complete");
        let ListV4(v4) = read_query_leniently(query).expect("it is complete");
        let flags = |query: &ListQuery| {
            let Showing { values, expand, imports, personal } = query.gathering.showing;
            (values, expand, imports, personal)
        };
        assert_eq!(flags(&v3), (true, false, false, false));
        assert_eq!(flags(&v4), (true, true, true, true));
        assert!(!v3.gathering.recursive && !v4.gathering.recursive);
    }

    #[test]
    fn explicit_values_count_under_both_names() {
        for name in ["include_imports", "includeImports"] {
            let query = format!("projectId=p&environment=dev&{name}=true");
            let ListV3(v3) = read_query_leniently(&query).expect("it is complete");
            assert!(v3.gathering.showing.imports, "{name}");
        }
    }

    #[test]
    fn filters_are_read() {
        let query = "projectId=p&environment=dev&tagSlugs=a, b,&metadataFilter=key=team,value=core|key=tier,value=1";
        let ListV3(read) = read_query_leniently(query).expect("it is complete");
        let tags: Vec<String> = read.gathering.tags.iter().map(ToString::to_string).collect();
        assert_eq!(tags, ["a", "b"]);
        let expect = [("team", "core"), ("tier", "1")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(read.gathering.metadata, expect);
        assert!(read_query_leniently::<ListV3>("projectId=p&environment=dev&metadataFilter=team").is_err());
    }
}
