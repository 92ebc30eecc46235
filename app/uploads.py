from flask import Request


def file_part(request: Request, name: str, limit: int) -> tuple[bytes, dict[str, str]]:
    return request.files[name].read(), dict(request.form)
