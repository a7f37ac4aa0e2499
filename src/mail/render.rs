//! Templates filled in: text and HTML, escaped by `minijinja`.

use minijinja::{Environment, UndefinedBehavior, Value};

use super::error::MailError;
use super::letter::{Inquiry, Mail, lines, one_line};
use crate::base::UnixTime;

/// A mail's two bodies.
pub(super) struct Bodies {
    pub(super) text: String,
    pub(super) html: String,
}

/// The templates, parsed once.
pub(super) struct Templates(Environment<'static>);

macro_rules! sources {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("templates/", $name)))),+]
    };
}

const SOURCES: [(&str, &str); 19] = sources![
    "layout.html",
    "verify_email.html",
    "verify_email.txt",
    "reset_password.html",
    "reset_password.txt",
    "sign_in_code.html",
    "sign_in_code.txt",
    "invite.html",
    "invite.txt",
    "second_factor_reset.html",
    "second_factor_reset.txt",
    "new_sign_in.html",
    "new_sign_in.txt",
    "password_changed.html",
    "password_changed.txt",
    "inquiry.html",
    "inquiry.txt",
    "test.html",
    "test.txt",
];

impl Templates {
    pub(super) fn new() -> Result<Self, MailError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in SOURCES {
            environment.add_template(name, source).map_err(|_| MailError::Letter)?;
        }
        Ok(Self(environment))
    }

    pub(super) fn render(&self, mail: &Mail) -> Result<Bodies, MailError> {
        let values = Value::from_pairs(values(mail));
        let render = |ending: &str| {
            let name = format!("{}.{ending}", mail.name());
            let template = self.0.get_template(&name)?;
            template.render(values.clone())
        };
        let (text, html) = (render("txt"), render("html"));
        match (text, html) {
            (Ok(text), Ok(html)) => Ok(Bodies { text, html }),
            // The library's words could hold what was filled in.
            _ => Err(MailError::Letter),
        }
    }
}

/// What a template finds by name.
type Values = Vec<(&'static str, Value)>;

fn values(mail: &Mail) -> Values {
    let line = |text: &str| Value::from(one_line(text));
    let mut values = match mail {
        Mail::VerifyEmail { link } | Mail::ResetPassword { link } => {
            vec![("link", link.expose().into())]
        }
        Mail::SignInCode { code } => vec![("code", code.expose().into())],
        Mail::Invite { link, workspace, by } => {
            vec![("link", link.expose().into()), ("workspace", line(workspace)), ("by", line(by))]
        }
        Mail::SecondFactorReset { by } => vec![("by", line(by))],
        Mail::NewSignIn { device, ip, at } => {
            vec![("device", line(device)), ("ip", line(ip)), ("at", utc(*at).into())]
        }
        Mail::PasswordChanged { at } => vec![("at", utc(*at).into())],
        Mail::Inquiry(inquiry) => of_inquiry(inquiry),
        Mail::Test => Vec::new(),
    };
    values.push(("subject", mail.subject().into()));
    values
}

fn of_inquiry(inquiry: &Inquiry) -> Values {
    let line = |text: &str| Value::from(one_line(text));
    let message = lines(&inquiry.message);
    vec![
        ("name", line(&inquiry.name)),
        ("email", line(&inquiry.email)),
        ("company", line(&inquiry.company)),
        ("preferred_time", line(inquiry.preferred_time.as_deref().unwrap_or_default())),
        ("paragraphs", message.lines().map(Value::from).collect()),
    ]
}

/// `22 November 2026, 15:36 UTC`.
fn utc(time: UnixTime) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let (days, seconds) = (time.0 / 86_400, time.0 % 86_400);
    // Days from 0000-03-01, so that the leap day is the last of its year.
    let shifted = days.saturating_add(719_468);
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = (shifted_month + 2) % 12;
    let year = era * 400 + year_of_era + u64::from(month < 2);
    let name = usize::try_from(month).ok().and_then(|month| MONTHS.get(month)).unwrap_or(&"");
    format!("{day} {name} {year}, {:02}:{:02} UTC", seconds / 3600, seconds / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secret;

    #[test]
    fn times_are_written_out() {
        for (seconds, text) in [
            (0, "1 January 1970, 00:00 UTC"),
            (951_782_400, "29 February 2000, 00:00 UTC"),
            (1_795_361_767, "22 November 2026, 15:36 UTC"),
            (4_107_542_399, "28 February 2100, 23:59 UTC"),
            (4_107_542_400, "1 March 2100, 00:00 UTC"),
        ] {
            assert_eq!(utc(UnixTime(seconds)), text);
        }
        let _ = utc(UnixTime(u64::MAX));
    }

    #[test]
    fn every_mail_has_both_bodies_without_remote_content() {
        let templates = Templates::new().expect("templates");
        let link = || Secret::new("https://edge.example/x#token");
        let inquiry = Inquiry {
            topic: "Demo".into(),
            name: "Ada".into(),
            email: "ada@example.com".into(),
            company: "Engines".into(),
            message: "One\nTwo".into(),
            preferred_time: None,
        };
        for mail in [
            Mail::VerifyEmail { link: link() },
            Mail::ResetPassword { link: link() },
            Mail::SignInCode { code: Secret::new("042137") },
            Mail::Invite { link: link(), workspace: "Sales".into(), by: "Ada".into() },
            Mail::SecondFactorReset { by: "Ada".into() },
            Mail::NewSignIn { device: "Firefox".into(), ip: "192.0.2.1".into(), at: UnixTime(0) },
            Mail::PasswordChanged { at: UnixTime(0) },
            Mail::Inquiry(Box::new(inquiry)),
            Mail::Test,
        ] {
            let Bodies { text, html } = templates.render(&mail).expect("rendered");
            assert!(html.contains("color-scheme") && html.contains("prefers-color-scheme: dark"));
            for remote in ["<img", "src=", "url(", "<script", "<link", "@import", "<iframe"] {
                assert!(!html.contains(remote), "{}: {remote}", mail.name());
            }
            for body in [&text, &html] {
                assert!(!body.contains("{{") && !body.contains("{%"), "{}", mail.name());
            }
            let urls = |body: &str| body.matches("https://").count();
            let has_link = matches!(
                mail,
                Mail::VerifyEmail { .. } | Mail::ResetPassword { .. } | Mail::Invite { .. }
            );
            // A3: one link, in the text and, as address and as words, in the HTML.
            assert_eq!(urls(&text), usize::from(has_link), "{}", mail.name());
            assert_eq!(html.matches("href=").count(), usize::from(has_link), "{}", mail.name());
        }
    }

    #[test]
    fn what_people_typed_is_text_and_never_markup() {
        let templates = Templates::new().expect("templates");
        let evil = "<script>alert(1)</script>\"' {{ 7*7 }} <a href=//evil.example>x</a>";
        let mail = Mail::Invite {
            link: Secret::new("https://edge.example/i?a=1&b=\"onclick=x"),
            workspace: evil.into(),
            by: evil.into(),
        };
        let html = templates.render(&mail).expect("rendered").html;
        assert!(!html.contains("<script>") && !html.contains("<a href=//evil"));
        assert!(!html.contains("\"onclick") && html.contains("7*7"));
        assert!(html.contains("&lt;script&gt;"));
    }
}
