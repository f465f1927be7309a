"""Bytes in and out, beside Django: resumable uploads (`tus`) and signed files (`files`), both raw ASGI apps."""
