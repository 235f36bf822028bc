//! What happens in App Home: opened, looked around in, pressed. It is acknowledged first and shown anew then; a home has
//! nowhere else to answer than above itself. What opens a modal isn't here: that is `modals`'s, wherever it was pressed.

use std::sync::Arc;

use super::{Desk, Handled, HttpAnswer};
use crate::app::{App, Caller};
use crate::ports::home::Turned;
use crate::slack::home::{self, HomeTab, Look};
use crate::slack::inbound::Pressed;
use crate::slack::views::{self, Rendered};

pub(super) use crate::slack::home::is_home;

/// A press in the home: its answer stands above the home, which is shown anew.
pub(super) async fn pressed(app: &Arc<App>, desk: &Desk, on: &Pressed) -> Handled {
    let Some(caller) = desk.caller(&on.origin) else {
        return HttpAnswer::empty().into();
    };
    match home::look(on) {
        Some(Look::Refresh) => return shown(app, desk, caller, None, None),
        Some(Look::Page(turned)) => return shown(app, desk, caller, Some(turned), None),
        None => {}
    }
    let Some(press) = super::press(on) else {
        // A button of another version of this bot: the home as it is now.
        return shown(app, desk, caller, None, None);
    };
    let delivery = on.delivery();
    let answer = app.press(&caller, press, delivery.as_deref(), None).await;
    shown(app, desk, caller, None, Some(views::answer(&answer)))
}

/// Acknowledged at once; the home follows.
pub(super) fn shown(
    app: &Arc<App>,
    desk: &Desk,
    caller: Caller,
    turned: Option<Turned>,
    said: Option<Rendered>,
) -> Handled {
    let app = Arc::clone(app);
    let mut screen = HomeTab::new(desk.client.clone());
    if let Some(said) = said {
        screen = screen.saying(said);
    }
    Handled {
        answer: HttpAnswer::empty(),
        after: Some(Box::pin(async move {
            app.show_home(&caller, turned, &screen).await;
        })),
    }
}
