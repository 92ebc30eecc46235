"""What the API says to people, each sentence in both languages side by side."""

from __future__ import annotations

from app.languages import Language

MESSAGES: dict[str, dict[Language, str]] = {
    # titles of problems
    "invalid-request": {
        "en": "The request has something to correct",
        "ko": "요청에 고칠 부분이 있습니다",
    },
    "invalid-json": {"en": "The body is not a JSON object", "ko": "본문이 JSON 객체가 아닙니다"},
    "unsupported-media-type": {"en": "The body must be JSON", "ko": "본문은 JSON이어야 합니다"},
    "too-large": {"en": "The request is too large", "ko": "요청이 너무 큽니다"},
    "unauthorized": {"en": "A token is needed", "ko": "토큰이 필요합니다"},
    "not-found": {"en": "There is nothing here", "ko": "찾을 수 없습니다"},
    "interview-not-found": {"en": "No such interview", "ko": "그런 면접이 없습니다"},
    "question-not-found": {"en": "No such question", "ko": "그런 질문이 없습니다"},
    "already-answered": {"en": "The question has an answer", "ko": "이미 답변한 질문입니다"},
    "key-reused": {"en": "The Idempotency-Key was used before", "ko": "이미 사용된 Idempotency-Key입니다"},
    "method-not-allowed": {"en": "Not done this way here", "ko": "허용되지 않는 메서드입니다"},
    "bad-request": {"en": "The request makes no sense", "ko": "잘못된 요청입니다"},
    "storage-busy": {"en": "The storage is not available", "ko": "저장소를 사용할 수 없습니다"},
    "internal-error": {"en": "Something went wrong on our side", "ko": "서버에 문제가 생겼습니다"},
    "resume-empty": {"en": "The resume is empty", "ko": "이력서가 비어 있습니다"},
    "resume-too-large": {"en": "The resume's file is too large", "ko": "이력서 파일이 너무 큽니다"},
    "resume-unknown-format": {
        "en": "The resume is in a format that is not read here",
        "ko": "지원하지 않는 이력서 형식입니다",
    },
    "resume-encrypted": {"en": "The resume has a password", "ko": "이력서에 암호가 걸려 있습니다"},
    "resume-broken": {"en": "The resume's file is damaged", "ko": "이력서 파일이 손상되었습니다"},
    "resume-too-many-pages": {"en": "The resume has too many pages", "ko": "이력서의 쪽수가 너무 많습니다"},
    "resume-too-much-text": {"en": "The resume is too long", "ko": "이력서가 너무 깁니다"},
    "resume-too-costly": {
        "en": "The resume takes too much work to read",
        "ko": "이력서를 읽는 데 너무 많은 작업이 필요합니다",
    },
    "resume-busy": {"en": "Too many resumes are being read", "ko": "지금 읽고 있는 이력서가 너무 많습니다"},
    "invalid-multipart": {"en": "The form could not be read", "ko": "폼 데이터를 읽을 수 없습니다"},
    "fields-too-large": {"en": "The form's fields are too large", "ko": "폼 항목이 너무 큽니다"},
    # their details: what to do next
    "invalid-request.detail": {
        "en": "Correct the fields listed under errors and send it again.",
        "ko": "errors에 적힌 항목을 고쳐서 다시 보내 주세요.",
    },
    "invalid-json.detail": {
        "en": 'Send one JSON object in UTF-8, such as {{"text": "..."}}.',
        "ko": 'UTF-8로 된 JSON 객체 하나를 보내 주세요. 예: {{"text": "..."}}',
    },
    "unsupported-media-type.detail": {
        "en": "Set the header Content-Type: application/json.",
        "ko": "Content-Type: application/json 헤더를 붙여 주세요.",
    },
    "too-large.detail": {
        "en": "Send at most {limit} bytes.",
        "ko": "{limit}바이트 이하로 보내 주세요.",
    },
    "unauthorized.detail": {
        "en": "Send the token that came with the interview: Authorization: Bearer <token>.",
        "ko": "면접을 만들 때 받은 토큰을 보내 주세요: Authorization: Bearer <토큰>.",
    },
    "not-found.detail": {
        "en": "Check the address; the API begins at /api/interviews.",
        "ko": "주소를 확인해 주세요. API는 /api/interviews에서 시작합니다.",
    },
    "interview-not-found.detail": {
        "en": "It does not exist, was deleted, or the token belongs to another one.",
        "ko": "없거나, 삭제되었거나, 토큰이 다른 면접의 것입니다.",
    },
    "question-not-found.detail": {
        "en": "This interview has no question {question}; GET the interview for its questions.",
        "ko": "이 면접에는 {question}번 질문이 없습니다. 면접을 GET으로 조회해 질문을 확인해 주세요.",
    },
    "already-answered.detail": {
        "en": "Question {question} was answered; GET the interview for its feedback. To repeat a request "
        "that may have been lost, send the same Idempotency-Key again.",
        "ko": "{question}번 질문에는 이미 답변했습니다. 면접을 GET으로 조회하면 피드백을 볼 수 있습니다. "
        "응답을 받지 못한 요청을 다시 보낼 때는 같은 Idempotency-Key를 사용해 주세요.",
    },
    "key-reused.detail": {
        "en": "It came with a different body; make a new key for a new request.",
        "ko": "다른 본문과 함께 사용된 키입니다. 새 요청에는 새 키를 만들어 주세요.",
    },
    "method-not-allowed.detail": {
        "en": "Use one of: {allowed}.",
        "ko": "다음 중 하나를 사용해 주세요: {allowed}.",
    },
    "bad-request.detail": {
        "en": "The request could not be read; check its headers and body.",
        "ko": "요청을 읽을 수 없습니다. 헤더와 본문을 확인해 주세요.",
    },
    "storage-busy.detail": {
        "en": "Send it again in a moment, with the same Idempotency-Key.",
        "ko": "잠시 뒤에 같은 Idempotency-Key로 다시 보내 주세요.",
    },
    "internal-error.detail": {
        "en": "Send it again in a moment; if it stays, tell the operator when it happened.",
        "ko": "잠시 뒤에 다시 보내 주세요. 계속되면 운영자에게 시각을 알려 주세요.",
    },
    "resume-empty.detail": {
        "en": "There is no text in it. Choose the file again, or paste the text of your resume.",
        "ko": "내용이 없습니다. 파일을 다시 선택하거나 이력서 내용을 붙여 넣어 주세요.",
    },
    "resume-too-large.detail": {
        "en": "Send a file of at most {megabytes} MB; export it with smaller pictures, or paste its text.",
        "ko": "{megabytes}MB 이하의 파일을 보내 주세요. "
        "사진 크기를 줄여 다시 저장하거나 내용을 붙여 넣어 주세요.",
    },
    "resume-unknown-format.detail": {
        "en": "Send a PDF, a DOCX, an HWPX, or plain text (UTF-8 or CP949). Save an HWP as HWPX, a DOC, RTF "
        "or web page as PDF first, and put pictures into a PDF.",
        "ko": "PDF, DOCX, HWPX 또는 텍스트 파일(UTF-8, CP949)을 보내 주세요. HWP는 HWPX로, "
        "DOC, RTF, 웹 페이지는 PDF로 저장하고, 이미지는 PDF로 만들어 보내 주세요.",
    },
    "resume-encrypted.detail": {
        "en": "Save it without a password and send that, or paste its text.",
        "ko": "암호를 해제하고 저장한 파일을 보내거나 내용을 붙여 넣어 주세요.",
    },
    "resume-broken.detail": {
        "en": "Open it, save it again as PDF and send that, or paste its text.",
        "ko": "파일을 열어 PDF로 다시 저장해 보내거나 내용을 붙여 넣어 주세요.",
    },
    "resume-too-many-pages.detail": {
        "en": "Send at most {limit} pages: the resume without its attachments.",
        "ko": "첨부 자료를 빼고 {limit}쪽 이하로 보내 주세요.",
    },
    "resume-too-much-text.detail": {
        "en": "Send at most {limit} characters; leave out what does not matter for this role.",
        "ko": "{limit}자 이하로 보내 주세요. 지원 직무와 관련이 적은 내용은 빼 주세요.",
    },
    "resume-too-costly.detail": {
        "en": "Save it again as a simple PDF and send that, or paste its text.",
        "ko": "단순한 PDF로 다시 저장해 보내거나 내용을 붙여 넣어 주세요.",
    },
    "resume-busy.detail": {
        "en": "Nothing is wrong with the file; send it again in a moment.",
        "ko": "파일에는 문제가 없습니다. 잠시 뒤에 다시 보내 주세요.",
    },
    "invalid-multipart.detail": {
        "en": "Send multipart/form-data with one file in the field resume, and each other field once.",
        "ko": "multipart/form-data로 resume 항목에 파일 하나를, 다른 항목은 한 번씩만 보내 주세요.",
    },
    "fields-too-large.detail": {
        "en": "Send at most {parts} fields of {limit} bytes together, beside the file.",
        "ko": "파일 외의 항목은 {parts}개, 모두 합해 {limit}바이트 이하로 보내 주세요.",
    },
    # what is wrong with a field, and the remedy
    "field.missing": {"en": "is missing", "ko": "값이 없습니다"},
    "field.unknown": {"en": "is not a field of this request", "ko": "이 요청에 없는 항목입니다"},
    "field.not-text": {"en": "is not text", "ko": "문자열이 아닙니다"},
    "field.not-whole": {"en": "is not a whole number", "ko": "정수가 아닙니다"},
    "field.too-short": {
        "en": "has {length} characters, fewer than {low}",
        "ko": "{length}자로, {low}자보다 짧습니다",
    },
    "field.too-long": {
        "en": "has {length} characters, more than {high}",
        "ko": "{length}자로, {high}자보다 깁니다",
    },
    "field.out-of-range": {"en": "is out of range", "ko": "범위를 벗어났습니다"},
    "field.not-a-choice": {"en": "is none of the choices", "ko": "선택할 수 있는 값이 아닙니다"},
    "field.not-a-key": {"en": "cannot be used as a key", "ko": "키로 사용할 수 없습니다"},
    "field.not-a-file": {"en": "is not a file", "ko": "파일이 아닙니다"},
    "field.no-consent": {"en": "does not give consent", "ko": "동의하지 않았습니다"},
    "remedy.text": {
        "en": "Give text of {low} to {high} characters.",
        "ko": "{low}~{high}자의 문자열을 넣어 주세요.",
    },
    "remedy.number": {
        "en": "Give a whole number from {low} to {high}.",
        "ko": "{low}~{high} 사이의 정수를 넣어 주세요.",
    },
    "remedy.choice": {"en": "Give one of: {choices}.", "ko": "다음 중 하나를 넣어 주세요: {choices}."},
    "remedy.file": {"en": "Choose a file with the resume.", "ko": "이력서 파일을 선택해 주세요."},
    "remedy.unknown": {
        "en": "Leave it out; the fields are: {fields}.",
        "ko": "빼고 보내 주세요. 사용할 수 있는 항목: {fields}.",
    },
    "remedy.consent": {
        "en": "Give true once the person agrees that the resume is analysed and stored.",
        "ko": "이력서 분석과 저장에 본인이 동의한 뒤 true를 보내 주세요.",
    },
    "remedy.key": {
        "en": "Give 16 to 200 visible ASCII characters that nobody can guess, such as a random UUID.",
        "ko": "추측할 수 없는 16~200자의 ASCII 문자(예: 무작위 UUID)를 넣어 주세요.",
    },
}


def say(key: str, language: Language, **values: object) -> str:
    """The sentence for a key in a language, with its values filled in."""
    return MESSAGES[key][language].format(**values)
