//! Live options: AWS's published regions, and the KMS keys of the account.

use keyferry_sdk::{Choice, ChoicePage, ChoiceScope, Error, Question};

use crate::client::Client;
use crate::config::{DEFAULT_KEY, Region};
use crate::model::{Aliases, ListAliases};

/// KMS gives at most 100 aliases per page.
const ALIASES_PER_PAGE: u8 = 100;

/// The regions of the standard and the US government partition, as AWS publishes them. A region that is not listed can be
/// entered all the same.
const REGIONS: [(&str, &str); 36] = [
    ("us-east-1", "US East (N. Virginia)"),
    ("us-east-2", "US East (Ohio)"),
    ("us-west-1", "US West (N. California)"),
    ("us-west-2", "US West (Oregon)"),
    ("af-south-1", "Africa (Cape Town)"),
    ("ap-east-1", "Asia Pacific (Hong Kong)"),
    ("ap-east-2", "Asia Pacific (Taipei)"),
    ("ap-northeast-1", "Asia Pacific (Tokyo)"),
    ("ap-northeast-2", "Asia Pacific (Seoul)"),
    ("ap-northeast-3", "Asia Pacific (Osaka)"),
    ("ap-south-1", "Asia Pacific (Mumbai)"),
    ("ap-south-2", "Asia Pacific (Hyderabad)"),
    ("ap-southeast-1", "Asia Pacific (Singapore)"),
    ("ap-southeast-2", "Asia Pacific (Sydney)"),
    ("ap-southeast-3", "Asia Pacific (Jakarta)"),
    ("ap-southeast-4", "Asia Pacific (Melbourne)"),
    ("ap-southeast-5", "Asia Pacific (Malaysia)"),
    ("ap-southeast-6", "Asia Pacific (New Zealand)"),
    ("ap-southeast-7", "Asia Pacific (Thailand)"),
    ("ca-central-1", "Canada (Central)"),
    ("ca-west-1", "Canada West (Calgary)"),
    ("eu-central-1", "Europe (Frankfurt)"),
    ("eu-central-2", "Europe (Zurich)"),
    ("eu-north-1", "Europe (Stockholm)"),
    ("eu-south-1", "Europe (Milan)"),
    ("eu-south-2", "Europe (Spain)"),
    ("eu-west-1", "Europe (Ireland)"),
    ("eu-west-2", "Europe (London)"),
    ("eu-west-3", "Europe (Paris)"),
    ("il-central-1", "Israel (Tel Aviv)"),
    ("me-central-1", "Middle East (UAE)"),
    ("me-south-1", "Middle East (Bahrain)"),
    ("mx-central-1", "Mexico (Central)"),
    ("sa-east-1", "South America (São Paulo)"),
    ("us-gov-east-1", "AWS GovCloud (US-East)"),
    ("us-gov-west-1", "AWS GovCloud (US-West)"),
];

pub(crate) fn answer(question: &Question) -> Result<ChoicePage, Error> {
    match (question.scope, question.parameter.as_str()) {
        (ChoiceScope::Connection, "region") => {
            let choice = |(value, label): (&str, &str)| Choice::new(value, label);
            Ok(ChoicePage::last(REGIONS.map(choice).to_vec()))
        }
        (ChoiceScope::Destination, "kmsKeyId") => keys(question),
        (_, parameter) => Err(Error::unsupported(format!("`{parameter}` has no live options"))),
    }
}

fn keys(question: &Question) -> Result<ChoicePage, Error> {
    let connection = question.settings::<Region>()?;
    let marker = question.cursor.as_deref();
    let input = ListAliases { limit: ALIASES_PER_PAGE, marker };
    let page: Aliases = Client::new(&connection.settings).kms("ListAliases", &input)?;
    let default = Choice {
        description: Some("The account's own key for SSM".to_owned()),
        ..Choice::new(DEFAULT_KEY, DEFAULT_KEY)
    };
    let mut items = if marker.is_none() { vec![default] } else { Vec::new() };
    // Keys of other services of AWS cannot be used here, and an alias without a key is none.
    let usable = page.aliases.into_iter().filter(|alias| !alias.alias_name.starts_with("alias/aws/"));
    items.extend(usable.filter_map(|alias| {
        let description = Some(format!("key {}", alias.target_key_id?));
        Some(Choice { label: alias.alias_name.clone(), value: alias.alias_name, description })
    }));
    Ok(ChoicePage { items, next: page.next_marker.filter(|marker| !marker.is_empty()) })
}
