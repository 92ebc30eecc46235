"""The words of messages, in the languages that `notify.language` knows. What events say is not translated."""

from __future__ import annotations

from collections.abc import Mapping

from deployer.sinks.end import Run
from deployer.sinks.story import FAILED, RUNNING, STOPPED, SUCCEEDED

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        RUNNING: "{what} is running",
        SUCCEEDED: "{what} is done",
        FAILED: "{what} failed",
        STOPPED: "{what} was stopped",
        "what": "{command} of {service}{environment}",
        "serves": "{release} serves",
        "rolled back": "rolled back, {release} serves",
        "nothing": "nothing",
        "hosts": "{good} of {all} hosts",
        "freed": "{size} freed",
        "more": "and {count} more",
        "commit": "commit `{commit}`",
        "build page": "build",
        "details": "details",
        "test": "This is a test: messages of the deployer arrive here.",
    },
    "ko": {
        RUNNING: "{what} 진행 중",
        SUCCEEDED: "{what} 완료",
        FAILED: "{what} 실패",
        STOPPED: "{what} 중단됨",
        "what": "{service}{environment} {command}",
        "serves": "{release} 서비스 중",
        "rolled back": "되돌림, {release} 서비스 중",
        "nothing": "서비스 중인 릴리스 없음",
        "hosts": "호스트 {all}대 중 {good}대",
        "freed": "{size} 확보",
        "more": "외 {count}건",
        "commit": "커밋 `{commit}`",
        "build page": "빌드",
        "details": "자세히",
        "test": "시험 메시지입니다. 배포 알림이 여기로 옵니다.",
        "rollout": "배포",
        "rollback": "롤백",
        "recover": "복구",
        "adopt": "인수",
        "build": "이미지 빌드",
        "prune": "정리",
        "doctor": "점검",
        "edge upgrade": "엣지 업그레이드",
        "edge maintenance": "점검 모드 전환",
        "site deploy": "사이트 배포",
        "site rollback": "사이트 롤백",
        "site prune": "사이트 정리",
        "pipelines backend": "백엔드 파이프라인",
        "pipelines frontend": "프런트엔드 파이프라인",
    },
}


def say(language: str, word: str, **values: object) -> str:
    """A phrase with its values."""
    return WORDS[language].get(word, word).format(**values)


def what(language: str, run: Run) -> str:
    """The command and what it is about: `rollout of shop (production)`."""
    environment = f" ({run.environment})" if run.environment else ""
    command = WORDS[language].get(run.command, run.command)
    return say(language, "what", command=command, service=run.service, environment=environment)
