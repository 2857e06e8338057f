//! Saying something because something happened, as several policies do: under the same ids each
//! time, and given up where the rules refuse it.

use crate::{Trouble, because_of};
use commands::{Commands, Error};
use domain::chat::{MessageSent, is_xml_text};
use eventlog::RecordedEvent;
use uuid::Uuid;

/// Says `message`, because `policy` saw `cause`, once for each `id` in a conversation. It is given
/// its id, too, where it has none.
pub(crate) async fn say(
    commands: &Commands,
    message: MessageSent,
    id: Uuid,
    policy: &str,
    cause: &RecordedEvent,
) -> Result<(), Trouble> {
    let message = MessageSent {
        id: message.id.or_else(|| Some(id.simple().to_string())),
        body: sayable(&message.body),
        ..message
    };
    let by = because_of(policy, cause);
    match commands.send_message_once(message, id, &by).await {
        Ok(_) => Ok(()),
        Err(Error::Rejected(rejection)) => {
            // It would be refused each time.
            tracing::warn!(policy, position = cause.position.0, %rejection, "a message was given up");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// `text` without what XML cannot carry: names and words were checked for other doors.
fn sayable(text: &str) -> String {
    let fits = |c: &char| is_xml_text(c.encode_utf8(&mut [0; 4]));
    text.chars().filter(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_carry_is_left_out() {
        assert_eq!(sayable("海\u{0}\u{ffff} 🌊\n"), "海 🌊\n");
    }
}
