use super::*;
use crate::crypto::LocalRoot;
use crate::domain::Secret;
use crate::ports::sealer::SealContext;

fn root(seed: &str) -> LocalRoot {
    LocalRoot::from_text(&Secret::new(format!("{seed}{}", "00".repeat(31)))).unwrap()
}

fn overview() -> SealContext<'static> {
    SealContext { kind: "secret", resource_id: [3; 16], field: "overview", row_version: 1 }
}

#[tokio::test]
async fn a_keyring_opens_again_with_its_root() {
    let (made, row) = Keyring::create(&root("01")).await.unwrap();
    let tenant = TenantUid::generate();
    let bundle = made.generate_tenant_keys(tenant).unwrap();
    let envelope = made.open_tenant_keys(tenant, &bundle).unwrap().seal(&overview(), b"tags", false).unwrap();

    let opened = Keyring::open(&root("01"), &row).await.unwrap();
    assert_eq!(opened.deployment(), made.deployment());
    let keys = opened.open_tenant_keys(tenant, &bundle).unwrap();
    assert_eq!(keys.open(&overview(), &envelope).unwrap().as_slice(), b"tags");
}

#[tokio::test]
async fn keys_that_were_opened_before_open_no_other_bundle() {
    let (keyring, _) = Keyring::create(&root("01")).await.unwrap();
    let (one, other) = (TenantUid::generate(), TenantUid::generate());
    let bundle = keyring.generate_tenant_keys(one).unwrap();
    let first = keyring.open_tenant_keys(one, &bundle).unwrap();
    assert!(Arc::ptr_eq(&first, &keyring.open_tenant_keys(one, &bundle).unwrap()));

    let mut changed = bundle.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert!(matches!(keyring.open_tenant_keys(one, &changed), Err(SealError::Refused)));
    assert!(matches!(keyring.open_tenant_keys(other, &bundle), Err(SealError::Refused)));
}

#[tokio::test]
async fn a_wrong_root_key_is_named_as_such() {
    let (_, row) = Keyring::create(&root("01")).await.unwrap();
    let refusal = Keyring::open(&root("02"), &row).await.expect_err("another root");
    assert!(matches!(refusal, KeyringError::WrongRootKey), "{refusal:?}");
}

/// A provider whose id is not the stored one, and which must not be asked to unwrap.
struct OtherProvider;

#[async_trait::async_trait]
impl RootProvider for OtherProvider {
    fn id(&self) -> &str {
        "other:1"
    }

    fn key_check_value(&self, _: DeploymentUid) -> [u8; 8] {
        [0; 8]
    }

    async fn wrap(&self, _: &[u8; 32], _: &WrapContext) -> Result<Vec<u8>, RootError> {
        Err(RootError::Unavailable("sealed off".into()))
    }

    async fn unwrap(&self, _: &[u8], _: &WrapContext) -> Result<zeroize::Zeroizing<[u8; 32]>, RootError> {
        unreachable!("a provider with another id must not be asked")
    }
}

#[tokio::test]
async fn another_provider_is_named_and_not_asked() {
    let (_, row) = Keyring::create(&root("01")).await.unwrap();
    let refusal = Keyring::open(&OtherProvider, &row).await.expect_err("another provider");
    assert_eq!(refusal.to_string(), "this store's keys are wrapped by local, not by other:1");
    assert!(matches!(Keyring::create(&OtherProvider).await, Err(KeyringError::Root(_))));
}

#[tokio::test]
async fn every_changed_bit_of_the_system_row_is_refused() {
    let root = root("01");
    let (_, row) = Keyring::create(&root).await.unwrap();
    for bit in 0..row.len() * 8 {
        let mut changed = row.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(Keyring::open(&root, &changed).await.is_err(), "bit {bit}");
    }
    for length in 0..row.len() {
        assert!(Keyring::open(&root, &row[..length]).await.is_err(), "{length} bytes");
    }
}

#[tokio::test]
async fn a_later_format_is_named() {
    let (_, mut row) = Keyring::create(&root("01")).await.unwrap();
    row[0] = 2;
    assert!(matches!(Keyring::open(&root("01"), &row).await, Err(KeyringError::UnknownFormat { found: 2 })));
}

#[tokio::test]
async fn two_installations_on_one_root_do_not_open_each_others_tenants() {
    let root = root("01");
    let (one, _) = Keyring::create(&root).await.unwrap();
    let (other, _) = Keyring::create(&root).await.unwrap();
    assert_ne!(one.deployment(), other.deployment());
    let tenant = TenantUid::generate();
    let bundle = one.generate_tenant_keys(tenant).unwrap();
    assert!(matches!(other.open_tenant_keys(tenant, &bundle), Err(SealError::KeyUnavailable { .. })));
}

#[tokio::test]
async fn a_row_with_more_versions_and_wraps_opens() {
    // What a rotation will write: an old key that still opens, a disabled one, and a second root's wrap.
    let root = root("01");
    let deployment = DeploymentUid::generate();
    let mut stored = Vec::new();
    let mut bundles = Vec::new();
    let tenant = TenantUid::generate();
    let mut newest = None;
    for (version, state) in [(1, KeyState::Disabled), (2, KeyState::Enabled), (3, KeyState::Primary)] {
        let key = new_key(&SystemRandomness).unwrap();
        let place = WrapContext { deployment, key_id: key.id(), key_version: version };
        let wraps = vec![
            Wrap { provider: "recovery".to_owned(), check_value: [9; 8], wrapped: vec![1, 2, 3] },
            Wrap {
                provider: root.id().to_owned(),
                check_value: root.key_check_value(deployment),
                wrapped: root.wrap(key.key().expose(), &place).await.unwrap(),
            },
        ];
        bundles.push(tenant::generate(Owner { deployment, tenant }, &key, &SystemRandomness).unwrap());
        stored.push(StoredSystemKey { id: key.id(), version, state, wraps });
        newest = Some(key);
    }
    let row = SystemRow { deployment, keys: stored }.encode(&row_authenticator(&newest.unwrap()));

    let keyring = Keyring::open(&root, &row).await.unwrap();
    let opens: Vec<bool> = bundles.iter().map(|bundle| keyring.open_tenant_keys(tenant, bundle).is_ok()).collect();
    assert_eq!(opens, [false, true, true]);
}

#[tokio::test]
async fn a_keyring_shows_no_key() {
    let (keyring, _) = Keyring::create(&root("01")).await.unwrap();
    assert_eq!(format!("{keyring:?}"), format!("Keyring {{ deployment: {:?}, .. }}", keyring.deployment()));
}
