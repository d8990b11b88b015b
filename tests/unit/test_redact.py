"""Credentials in texts: what is hidden, and what is left as it is."""

import pytest
from greenup.redact import HIDDEN, credentials_in, has_credentials, redact

SECRET = "hunter2-Zx81+q/Q=="
SAFE = "hunter2-Zx81%2Bq%2FQ%3D%3D"


@pytest.mark.parametrize(
    "text",
    [
        f"https://me:{SAFE}@host.org/stac",
        f"https://{SAFE}@host.org/stac",
        "postgresql://me:p@ss-hunter2-Zx81@host/db",
        f"/vsicurl/https://a.blob.core.windows.net/c/B04.tif?st=2024&se=2025&sp=rl&sig={SAFE}",
        f"Max retries exceeded with url: /c/B04.tif?se=2025&sig={SAFE} (Caused by NewConnectionError('...'))",
        f"https://b.s3.amazonaws.com/k?X-Amz-Algorithm=A&X-Amz-Credential={SAFE}&X-Amz-Signature={SAFE}",
        f"https://b.s3.amazonaws.com/k?X-Amz-Security-Token={SAFE}",
        f"https://storage.googleapis.com/k?GoogleAccessId=a&X-Goog-Signature={SAFE}",
        f"https://api.host.org/v1?subscription-key={SAFE}&x=1",
        f'<a href="https://api.host.org/v1?x=1&amp;access_token={SAFE}">',
        f"{{'Authorization': 'Bearer {SAFE}'}}",
        f"Authorization: Basic {SAFE}",
        f"the header was Bearer ya29.{SAFE}",
        f'{{"private_key_id": "{SAFE}", "private_key": "-----BEGIN PRIVATE KEY-----\\n{SECRET}\\n"}}',
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n{SECRET}",
        f"{{'refresh_token': '{SECRET}', 'client_secret': \"{SECRET}\"}}",
    ],
)  # fmt: skip
def test_hidden_by_its_form(text):
    found = redact(text, {})
    assert HIDDEN in found and "hunter2" not in found
    assert has_credentials(text)
    assert redact(found, {}) == found, "hidden once is hidden"


@pytest.mark.parametrize(
    "text",
    [
        "https://zenodo.org/records/3939050/files/a.tif?download=1",
        "https://earth-search.aws.element84.com/v1/search?limit=250&page=2",
        "https://example.org/@user/page",
        "results/demo/patches/a.h5: damaged (checksum sha256:be36d6209e44)",
        "models.moco.method: key 'state_dict' is missing; basic statistics and bearer of bad news",
        "tokens=16; sites=[1, 2]; key=value",
        "write to someone@example.org, doi:10.1093/biosci/bix014",
        "",
    ],
)
def test_left_as_it_is(text):
    assert redact(text, {}) == text and not has_credentials(text)


def test_what_the_link_was_to_is_still_told():
    link = f"https://me:{SAFE}@host.org/c/B04.tif?se=2025&sig={SAFE}&sv=1"
    assert redact(link, {}) == f"https://{HIDDEN}@host.org/c/B04.tif?se=2025&sig={HIDDEN}&sv=1"


class TestEnvironment:
    def test_values_of_secret_variables_are_hidden_wherever_they_stand(self):
        environment = {"PC_SDK_SUBSCRIPTION_KEY": SECRET}
        assert redact(f"refused: {SECRET}!", environment) == f"refused: {HIDDEN}!"
        assert redact(f"/token?k={SAFE}", environment) == f"/token?k={HIDDEN}", "as it stands in a link"

    @pytest.mark.parametrize(
        "name", ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GDAL_HTTP_USERPWD", "SLURM_JWT", "HF_TOKEN", "API_KEY"]
    )
    def test_names(self, name):
        assert redact(SECRET, {name: SECRET}) == HIDDEN

    def test_one_that_holds_another(self):
        assert redact("abcdefgh-and-more", {"A_TOKEN": "abcdefgh", "B_TOKEN": "abcdefgh-and-more"}) == HIDDEN

    def test_places_and_short_words_stay(self):
        environment = {"AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token", "TOKENIZERS": "false", "USER": "somebody"}
        assert redact("/var/run/token false somebody", environment) == "/var/run/token false somebody"

    def test_the_process_s_own_by_default(self, monkeypatch):
        monkeypatch.setenv("MY_PASSWORD", SECRET)
        assert redact(SECRET) == HIDDEN


def test_places_of_credentials_in_a_configuration():
    study = {"study": "a", "datasets": {"d": {"imagery": {"url": "https://a:b@c.org"}, "bands": ["B2", "x://u@h"]}}}
    assert list(credentials_in(study)) == ["datasets.d.imagery.url", "datasets.d.bands.1"]
