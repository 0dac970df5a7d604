//! A key policy, evaluated as far as the policies go that `cape vault policy` writes. What is not known here denies.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What conditions are about: keys in lower case, as IAM compares them.
pub(crate) type RequestContext = BTreeMap<String, String>;

/// Whether the policy lets `principal` do `action`: a statement allows it, and none denies it.
pub(crate) fn allows(policy: &Value, principal: &str, action: &str, context: &RequestContext) -> bool {
    let Some(statements) = policy["Statement"].as_array().filter(|_| policy["Version"] == "2012-10-17")
    else {
        return false;
    };
    let applies = |effect: &str| {
        statements.iter().any(|statement| {
            statement["Effect"] == effect && applies(statement, principal, action, context, effect)
        })
    };
    applies("Allow") && !applies("Deny")
}

/// A part that is not understood makes a statement that allows apply never, and one that denies always.
fn applies(statement: &Value, principal: &str, action: &str, context: &RequestContext, effect: &str) -> bool {
    const KNOWN: [&str; 6] = ["Action", "Condition", "Effect", "Principal", "Resource", "Sid"];
    let Some(parts) = statement.as_object() else { return effect == "Deny" };
    if parts.keys().any(|part| !KNOWN.contains(&part.as_str())) || statement["Resource"] != "*" {
        return effect == "Deny";
    }
    let concerned =
        texts(&statement["Principal"]["AWS"]).contains(&principal) || statement["Principal"] == "*";
    let named = texts(&statement["Action"]).iter().any(|pattern| {
        pattern.strip_suffix('*').map_or(*pattern == action, |start| action.starts_with(start))
    });
    let conditions = match &statement["Condition"] {
        Value::Null => Some(true),
        Value::Object(operators) => met(operators, context),
        _ => None,
    };
    concerned && named && conditions.unwrap_or(effect == "Deny")
}

/// Whether every condition is met; `None` for an operator that is not known.
fn met(operators: &Map<String, Value>, context: &RequestContext) -> Option<bool> {
    let mut all = true;
    for (operator, keys) in operators {
        for (key, wanted) in keys.as_object()? {
            let actual = context.get(&key.to_lowercase());
            let wanted = texts(wanted);
            let equal = |ignoring_case: bool| {
                wanted.iter().any(|wanted| match actual {
                    Some(actual) if ignoring_case => actual.eq_ignore_ascii_case(wanted),
                    Some(actual) => actual == wanted,
                    None => false,
                })
            };
            all &= match operator.as_str() {
                "StringEquals" => equal(false),
                "StringEqualsIgnoreCase" => equal(true),
                // A key that is absent is not equal to anything.
                "StringNotEquals" => !equal(false),
                "StringNotEqualsIgnoreCase" => !equal(true),
                // Times in UTC to the second, in one form, are in the order of their texts.
                "DateLessThan" => {
                    wanted.iter().any(|end| actual.is_some_and(|actual| actual.as_str() < *end))
                }
                "Null" => wanted == [if actual.is_none() { "true" } else { "false" }],
                _ => return None,
            };
        }
    }
    Some(all)
}

/// A text, or several.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(condition: Value) -> Value {
        json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": "role"}, "Action": ["kms:Decrypt"], "Resource": "*",
            "Condition": condition,
        }]})
    }

    fn decrypt(policy: &Value, context: &[(&str, &str)]) -> bool {
        let context = context.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        allows(policy, "role", "kms:Decrypt", &context)
    }

    #[test]
    fn a_condition_is_met_by_one_of_its_values_and_by_no_absent_key() {
        let pcr = policy(json!({"StringEqualsIgnoreCase": {"kms:RecipientAttestation:PCR0": ["aa", "bb"]}}));
        assert!(decrypt(&pcr, &[("kms:recipientattestation:pcr0", "BB")]));
        assert!(!decrypt(&pcr, &[("kms:recipientattestation:pcr0", "cc")]));
        assert!(!decrypt(&pcr, &[("kms:recipientattestation:pcr1", "aa")]));
        assert!(!decrypt(&pcr, &[]));
    }

    #[test]
    fn what_is_not_known_denies() {
        let mut unknown = policy(json!({"StringLike": {"kms:RecipientAttestation:PCR0": "*"}}));
        assert!(!decrypt(&unknown, &[("kms:recipientattestation:pcr0", "aa")]));
        unknown["Statement"][0]["Condition"] = json!({});
        assert!(decrypt(&unknown, &[]));
        let mut denying = unknown["Statement"][0].clone();
        denying["Effect"] = "Deny".into();
        denying["Condition"] = json!({"StringLike": {"a": "b"}});
        unknown["Statement"].as_array_mut().unwrap().push(denying);
        assert!(!decrypt(&unknown, &[]));
        assert!(!decrypt(&json!({"Version": "2012-10-17"}), &[]));
    }

    #[test]
    fn a_date_is_a_limit() {
        let until = policy(json!({"DateLessThan": {"aws:CurrentTime": "2027-02-01T00:00:00Z"}}));
        assert!(decrypt(&until, &[("aws:currenttime", "2027-01-31T23:59:59Z")]));
        assert!(!decrypt(&until, &[("aws:currenttime", "2027-02-01T00:00:00Z")]));
        assert!(!decrypt(&until, &[]));
    }

    #[test]
    fn others_and_other_operations_are_not_allowed() {
        let all = policy(json!({}));
        let allowed = |principal, action| allows(&all, principal, action, &RequestContext::new());
        assert!(allowed("role", "kms:Decrypt"));
        assert!(!allowed("other", "kms:Decrypt") && !allowed("role", "kms:Encrypt"));
    }
}
