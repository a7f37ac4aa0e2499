//! Who pays.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::json::StrictJson;
use super::super::problem::Problem;
use super::super::services::Services;
use crate::store::BillingRow as BillingContact;

/// Who pays.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Billing {
    name: String,
    email: String,
    address: String,
    tax_number: String,
}

/// `GET billing`.
pub(in super::super) async fn show(
    State(services): State<Arc<Services>>,
    caller: Caller,
) -> Result<Json<Billing>, Problem> {
    let billing = services.access.organisation().billing();
    Ok(Json(billing.show(caller.principal.workspace_id).await?.into()))
}

/// `PUT billing`.
pub(in super::super) async fn change(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictJson(body): StrictJson<Billing>,
) -> Result<Json<Billing>, Problem> {
    let billing = services.access.organisation().billing();
    let contact = BillingContact {
        name: body.name,
        email: body.email,
        address: body.address,
        tax_number: body.tax_number,
    };
    let workspace = caller.principal.workspace_id;
    Ok(Json(billing.change(&caller.author, workspace, &contact).await?.into()))
}

impl From<BillingContact> for Billing {
    fn from(contact: BillingContact) -> Self {
        let BillingContact { name, email, address, tax_number } = contact;
        Self { name, email, address, tax_number }
    }
}
