"""What a person's variables become in the embedded stack."""

from pathlib import Path

from deploy.sandbox.stack.settings import ROOT, read_settings

EXAMPLES = ROOT / "deploy" / "catalogs" / "examples"


def test_without_a_word_the_plans_of_the_embedded_cluster_are_told() -> None:
    settings = read_settings({})
    assert settings.plans == "kube-dc/billing-plans"
    pricing = settings.passed["pricing"]
    assert pricing["TOLLGATE_CATALOG_IMPORTS"] == str(EXAMPLES / "imports.yaml")
    assert pricing["STRIPE_PRICE_DEV_POOL"] == "price_kube_dc_dev_pool"
    shipped = (ROOT / "deploy" / "catalogs" / "kube-dc.yaml").read_text()
    prices = [value for name, value in pricing.items() if name.startswith("STRIPE_PRICE_")]
    assert len(prices) == 5
    assert all(price in shipped for price in prices)


def test_a_person_s_own_variables_reach_the_services_that_read_them() -> None:
    settings = read_settings(
        {
            "STRIPE_PRICE_DEV_POOL": "price_mine",
            "STRIPE_PRICE_HUGE": "price_huge",
            "HOLD_PUBLIC_URL": "https://hold.example",
            "TOLLGATE_CATALOG_IMPORTS": "mine.yaml",
            "TOLLGATE_KUBE_USER_CLAIM": "email",
            "TOLLGATE_REGION": "eu-west-1",
            "TOLLGATE_USE_EVERY_SECONDS": "5",
            "TOLLGATE_RECOMMEND_LEAST_HOURS": "1",
            "TOLLGATE_PLANS_CONFIGMAP": "",
            "HOME": "/nowhere",
        }
    )
    pricing = settings.passed["pricing"]
    assert pricing["STRIPE_PRICE_DEV_POOL"] == "price_mine"
    assert pricing["STRIPE_PRICE_HUGE"] == "price_huge"
    assert pricing["STRIPE_PRICE_PRO_POOL"] == "price_kube_dc_pro_pool"
    assert pricing["HOLD_PUBLIC_URL"] == "https://hold.example"
    assert pricing["TOLLGATE_CATALOG_IMPORTS"] == str(Path("mine.yaml").absolute())
    assert settings.passed["subscription"] == {"TOLLGATE_KUBE_USER_CLAIM": "email"}
    assert pricing["TOLLGATE_RECOMMEND_LEAST_HOURS"] == "1"
    assert settings.passed["provisioner"] == {
        "TOLLGATE_REGION": "eu-west-1",
        "TOLLGATE_USE_EVERY_SECONDS": "5",
    }
    assert settings.plans == ""
    assert all("HOME" not in told for told in settings.passed.values())


def test_nothing_is_assumed_of_catalogs_and_clusters_of_a_person_s_own(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text("{}")
    settings = read_settings({"TOLLGATE_CATALOG": str(tmp_path), "KUBECONFIG": str(kubeconfig)})
    assert settings.plans == ""
    assert settings.passed["pricing"] == {}
