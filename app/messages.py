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
    "unsupported-media-type": {
        "en": "The body is of a type that is not read",
        "ko": "읽을 수 없는 형식의 본문입니다",
    },
    "too-large": {"en": "The request is too large", "ko": "요청이 너무 큽니다"},
    "too-slow": {"en": "The request took too long to arrive", "ko": "요청이 너무 느리게 도착했습니다"},
    "unauthorized": {"en": "A token is needed", "ko": "토큰이 필요합니다"},
    "not-found": {"en": "There is nothing here", "ko": "찾을 수 없습니다"},
    "interview-not-found": {"en": "No such interview", "ko": "그런 면접이 없습니다"},
    "question-not-found": {"en": "No such question", "ko": "그런 질문이 없습니다"},
    "already-answered": {"en": "The question has an answer", "ko": "이미 답변한 질문입니다"},
    "key-reused": {"en": "The Idempotency-Key was used before", "ko": "이미 사용된 Idempotency-Key입니다"},
    "task-not-found": {"en": "No such work", "ko": "그런 작업이 없습니다"},
    "report-not-found": {"en": "There is no report yet", "ko": "아직 보고서가 없습니다"},
    "answers-pending": {"en": "An answer is still being judged", "ko": "아직 평가 중인 답변이 있습니다"},
    "nothing-answered": {"en": "Nothing has been answered yet", "ko": "아직 답변이 없습니다"},
    "sent-twice": {"en": "This was sent twice at once", "ko": "같은 요청이 동시에 두 번 왔습니다"},
    "too-many-waiting": {"en": "Too many are waiting", "ko": "기다리는 사람이 너무 많습니다"},
    "too-many-requests": {"en": "Too many requests", "ko": "요청이 너무 많습니다"},
    "unknown-audio": {"en": "This recording cannot be used", "ko": "사용할 수 없는 녹음입니다"},
    "no-body-wanted": {"en": "Nothing can be chosen here", "ko": "여기서는 선택할 것이 없습니다"},
    "origin-required": {"en": "Not the way in", "ko": "허용되지 않은 경로입니다"},
    "method-not-allowed": {"en": "Not done this way here", "ko": "허용되지 않는 메서드입니다"},
    "bad-request": {"en": "The request makes no sense", "ko": "잘못된 요청입니다"},
    "storage-busy": {"en": "The storage is not available", "ko": "저장소를 사용할 수 없습니다"},
    "internal-error": {"en": "Something went wrong on our side", "ko": "서버에 문제가 생겼습니다"},
    "model-failed": {"en": "The model failed", "ko": "모델이 작업하지 못했습니다"},
    "model-quota": {"en": "The model's quota is used up for now", "ko": "지금은 모델의 할당량을 다 썼습니다"},
    "model-unavailable": {"en": "The model is not available", "ko": "모델을 사용할 수 없습니다"},
    "model-timeout": {"en": "The model took too long", "ko": "모델의 응답이 너무 오래 걸렸습니다"},
    "model-retired": {"en": "The model does not exist any more", "ko": "모델이 더 이상 없습니다"},
    "model-forbidden": {"en": "The model's service refuses us", "ko": "모델 서비스가 접근을 거부했습니다"},
    "model-rejected": {"en": "The model cannot read this", "ko": "모델이 읽을 수 없는 요청입니다"},
    "model-refused": {"en": "The model declined to answer", "ko": "모델이 답변을 거절했습니다"},
    "model-invalid": {"en": "The model's answer was of no use", "ko": "모델의 답변을 사용할 수 없습니다"},
    "cannot-hear": {"en": "Spoken answers are not taken here", "ko": "음성 답변을 받을 수 없습니다"},
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
    "uploads-busy": {
        "en": "Too many files are being received",
        "ko": "지금 받고 있는 파일이 너무 많습니다",
    },
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
        "en": "Send application/json, or a file as multipart/form-data.",
        "ko": "application/json으로 보내거나, 파일은 multipart/form-data로 보내 주세요.",
    },
    "too-large.detail": {
        "en": "Send at most {limit} bytes.",
        "ko": "{limit}바이트 이하로 보내 주세요.",
    },
    "too-slow.detail": {
        "en": "It has to be there within {seconds} seconds; send it again over a faster connection.",
        "ko": "{seconds}초 안에 도착해야 합니다. 더 빠른 연결에서 다시 보내 주세요.",
    },
    "task-not-found.detail": {
        "en": "GET the interview for the work that belongs to it.",
        "ko": "면접을 GET으로 조회해 작업을 확인해 주세요.",
    },
    "report-not-found.detail": {
        "en": "Have one made: POST to this address.",
        "ko": "이 주소로 POST를 보내 만들어 주세요.",
    },
    "answers-pending.detail": {
        "en": "Wait until the feedback on it is there, then send this again.",
        "ko": "피드백이 나온 뒤에 다시 보내 주세요.",
    },
    "nothing-answered.detail": {
        "en": "Answer a question first; the report is on the answers.",
        "ko": "먼저 질문에 답해 주세요. 보고서는 답변을 바탕으로 만듭니다.",
    },
    "sent-twice.detail": {
        "en": "One of them was taken. GET the interview to see what came of it.",
        "ko": "그중 하나가 처리됩니다. 면접을 GET으로 조회해 결과를 확인해 주세요.",
    },
    "too-many-waiting.detail": {
        "en": "Send this again after the time in Retry-After.",
        "ko": "Retry-After에 적힌 시간 뒤에 다시 보내 주세요.",
    },
    "too-many-requests.detail": {
        "en": "Send fewer, and this again after the time in Retry-After.",
        "ko": "요청을 줄이고 Retry-After에 적힌 시간 뒤에 다시 보내 주세요.",
    },
    "unknown-audio.detail": {
        "en": "Send WAV, MP3, OGG, FLAC, AAC or AIFF; WebM has to be converted first.",
        "ko": "WAV, MP3, OGG, FLAC, AAC, AIFF 중 하나로 보내 주세요. WebM은 먼저 변환해야 합니다.",
    },
    "no-body-wanted.detail": {
        "en": "Send no body, or an empty JSON object.",
        "ko": "본문 없이 보내거나 빈 JSON 객체를 보내 주세요.",
    },
    "origin-required.detail": {
        "en": "Use the service's public address; this one answers only its proxy.",
        "ko": "서비스의 공개 주소를 사용해 주세요. 이 주소는 프록시에만 응답합니다.",
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
    "model-failed.detail": {
        "en": "Send it again in a moment; nothing of yours was lost.",
        "ko": "잠시 뒤에 다시 보내 주세요. 입력한 내용은 그대로 남아 있습니다.",
    },
    "model-quota.detail": {
        "en": "It can be asked again in {retry_after} seconds.",
        "ko": "{retry_after}초 뒤에 다시 요청할 수 있습니다.",
    },
    "model-unavailable.detail": {
        "en": "Its service is overloaded or cannot be reached; send it again in a minute.",
        "ko": "모델 서비스가 과부하 상태이거나 연결되지 않습니다. 1분 뒤에 다시 보내 주세요.",
    },
    "model-timeout.detail": {
        "en": "Send it again in a minute; a shorter text is answered faster.",
        "ko": "1분 뒤에 다시 보내 주세요. 글이 짧으면 더 빨리 응답합니다.",
    },
    "model-retired.detail": {
        "en": "The operator must set {key} to a current model; {model} is not known to the service.",
        "ko": "운영자가 {key} 설정을 현재 모델로 바꿔야 합니다. 서비스에 {model} 모델이 없습니다.",
    },
    "model-forbidden.detail": {
        "en": "The operator must check {key}: the key is wrong, or not allowed to use this model.",
        "ko": "운영자가 {key} 설정을 확인해야 합니다. 키가 잘못되었거나 이 모델을 사용할 권한이 없습니다.",
    },
    "model-rejected.detail": {
        "en": "Its service refused the request (HTTP {status}); send other text or another file.",
        "ko": "모델 서비스가 요청을 거부했습니다(HTTP {status}). 다른 글이나 다른 파일을 보내 주세요.",
    },
    "model-refused.detail": {
        "en": "A safety filter stopped it; word it differently and send it again.",
        "ko": "안전 필터가 요청을 막았습니다. 표현을 바꿔 다시 보내 주세요.",
    },
    "model-invalid.detail": {
        "en": "It was asked twice; send the same again in a moment.",
        "ko": "두 번 요청했지만 쓸 수 있는 답을 받지 못했습니다. 잠시 뒤에 다시 보내 주세요.",
    },
    "cannot-hear.detail": {
        "en": "This interviewer reads only: send the answer as text.",
        "ko": "이 면접관은 글만 읽을 수 있습니다. 답변을 글로 보내 주세요.",
    },
    # what a person must know about who interviews
    "interviewer.offline": {
        "en": "You are talking to the built-in offline interviewer: fixed rules, no language model. It picks "
        "up words and numbers of your text without understanding it, and its scores measure form, not truth.",
        "ko": "지금 질문하는 것은 내장 오프라인 면접관입니다. 언어 모델이 아니라 정해진 규칙으로 동작합니다. "
        "글의 단어와 숫자를 찾을 뿐 내용을 이해하지 못하며, 점수는 사실이 아니라 형식을 잽니다.",
    },
    "interviewer.model": {
        "en": "You are talking to a language model ({model}): it errs, also in its scores. What you send is "
        "processed by Google, which may use it to improve its products where its service is free of charge.",
        "ko": "지금 질문하는 것은 언어 모델({model})입니다. 점수를 포함해 틀릴 수 있습니다. 보낸 내용은 "
        "Google이 처리하며, 무료로 이용하는 서비스에서는 Google이 제품 개선에 사용할 수 있습니다.",
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
    "uploads-busy.detail": {
        "en": "Nothing is wrong with the file; send it again after the time in Retry-After.",
        "ko": "파일에는 문제가 없습니다. Retry-After에 적힌 시간 뒤에 다시 보내 주세요.",
    },
    "invalid-multipart.detail": {
        "en": "Send multipart/form-data with one file in the field {field}, and each other field once.",
        "ko": "multipart/form-data로 {field} 항목에 파일 하나를, 다른 항목은 한 번씩만 보내 주세요.",
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
    "field.not-choices": {"en": "is not a list of these", "ko": "정해진 값의 목록이 아닙니다"},
    "remedy.choices": {
        "en": "List any of: {choices}",
        "ko": "다음 중에서 골라 목록으로 보내 주세요: {choices}",
    },
    "remedy.choice": {"en": "Give one of: {choices}.", "ko": "다음 중 하나를 넣어 주세요: {choices}."},
    "remedy.resume": {"en": "Choose a file with the resume.", "ko": "이력서 파일을 선택해 주세요."},
    "remedy.audio": {"en": "Send a recording as a file.", "ko": "녹음을 파일로 보내 주세요."},
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


def say(key: str, language: Language, /, **values: object) -> str:
    """The sentence for a key in a language, with its values filled in."""
    return MESSAGES[key][language].format(**values)
