//! Writing a document without losing what a newer build put into it.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// `new` as JSON, with those fields of `stored` that a `T` of this build does
/// not have. A stored document that is no `T` at all is replaced.
pub(crate) fn spell_over<T>(stored: Option<&str>, new: &T) -> Result<String, serde_json::Error>
where
    T: Serialize + DeserializeOwned,
{
    let spelled = serde_json::to_string(new)?;
    let Some(stored) = stored else { return Ok(spelled) };
    let Ok(known) = serde_json::from_str::<T>(stored) else { return Ok(spelled) };
    // Nearly always the stored document is our own writing: nothing to keep.
    if serde_json::to_string(&known)? == stored {
        return Ok(spelled);
    }
    let mut merged = serde_json::from_str(&spelled)?;
    keep_unknown(&serde_json::from_str(stored)?, &serde_json::to_value(&known)?, &mut merged);
    serde_json::to_string(&merged)
}

/// A field is unknown if it is `stored`, but was lost on the way through `T`.
fn keep_unknown(stored: &Value, known: &Value, new: &mut Value) {
    let (Value::Object(stored), Value::Object(known), Value::Object(new)) = (stored, known, new)
    else {
        return;
    };
    for (name, value) in stored {
        match (known.get(name), new.get_mut(name)) {
            (None, None) => {
                new.insert(name.clone(), value.clone());
            }
            (Some(known), Some(new)) => keep_unknown(value, known, new),
            (None, Some(_)) | (Some(_), None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Serialize, Deserialize)]
    struct Boat {
        name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        flag: Option<String>,
        hull: Hull,
    }
    #[derive(Serialize, Deserialize)]
    struct Hull {
        metres: u32,
    }

    #[test]
    fn what_a_newer_build_wrote_survives_and_what_we_removed_does_not() {
        let check = |stored: Option<&str>, expected: &str| {
            let boat = Boat { name: "Ida".into(), flag: None, hull: Hull { metres: 9 } };
            let spelled = spell_over(stored, &boat).expect("spells");
            let (spelled, expected): (Value, Value) = (
                serde_json::from_str(&spelled).expect("JSON"),
                serde_json::from_str(expected).expect("JSON"),
            );
            assert_eq!(spelled, expected, "over {stored:?}");
        };
        let plain = r#"{"name":"Ida","hull":{"metres":9}}"#;
        check(None, plain);
        check(Some(r#"{"name":"Eva","hull":{"metres":7}}"#), plain);
        check(Some(r#"{"name":"Eva","flag":"red","hull":{"metres":7}}"#), plain);
        check(Some("[]"), plain);
        check(
            Some(r#"{"name":"Eva","flag":"red","mast":2,"hull":{"metres":7,"wood":"oak"}}"#),
            r#"{"name":"Ida","mast":2,"hull":{"metres":9,"wood":"oak"}}"#,
        );
    }
}
