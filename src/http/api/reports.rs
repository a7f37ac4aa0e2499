//! Figures of days, in the reader's time zone.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::csv_file::CsvFile;
use super::super::problem::Problem;
use super::super::query::StrictQuery;
use super::super::services::Services;
use super::shared::entry;
use crate::access::audit::Action;
use crate::access::organisation::DayFigures;

/// Calls per day.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Report {
    days: Vec<Day>,
}

/// A day.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Day {
    /// YYYY-MM-DD.
    day: String,
    calls: u64,
    answered: u64,
    /// How long those were answered, together.
    seconds: u64,
}

/// Which days.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ReportQuery {
    from: Option<String>,
    to: Option<String>,
}

/// `GET reports`.
pub(in super::super) async fn show(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictQuery(query): StrictQuery<ReportQuery>,
) -> Result<Json<Report>, Problem> {
    let days = days(&services, &caller, &query).await?;
    Ok(Json(Report { days: days.into_iter().map(Day::from).collect() }))
}

/// `GET reports.csv`.
pub(in super::super) async fn export(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictQuery(query): StrictQuery<ReportQuery>,
) -> Result<Response, Problem> {
    let days = days(&services, &caller, &query).await?;
    let mut change = services.store.begin().await?;
    let exported = entry(&services, &caller.actor, Action::Export)
        .on("export", "reports")
        .with("rows", days.len());
    services.access.audit().record(&mut change, exported).await?;
    change.commit().await?;
    let mut file = CsvFile::new("reports.csv", &["day", "calls", "answered", "seconds"])?;
    for day in days.into_iter().map(Day::from) {
        let figures = [day.calls, day.answered, day.seconds].map(|figure| figure.to_string());
        let [calls, answered, seconds] = figures;
        file.row(&[day.day, calls, answered, seconds])?;
    }
    file.finish()
}

async fn days(
    services: &Services,
    caller: &Caller,
    query: &ReportQuery,
) -> Result<Vec<DayFigures>, Problem> {
    let reports = services.access.organisation().reports();
    let (from, to) = (query.from.as_deref(), query.to.as_deref());
    Ok(reports.days(&caller.principal, from, to).await?)
}

impl From<DayFigures> for Day {
    fn from(figures: DayFigures) -> Self {
        let DayFigures { day, calls, answered, seconds } = figures;
        Self { day: day.to_string(), calls, answered, seconds }
    }
}
