"""moto's server, which takes a checksum where S3 takes one.

A put into a bucket with Object Lock needs `Content-MD5` or a checksum, as S3's own refusal says ("Content-MD5 OR x-amz-checksum- HTTP header
is required"). moto looks for `x-amz-sdk-checksum-algorithm` alone, which Amazon's clients send beside it.
"""

from moto.server import main
from moto.moto_server import werkzeug_app

played = werkzeug_app.DomainDispatcherApplication.__call__


def as_s3_takes_it(self, environ, start_response):
    for name in [name for name in environ if name.startswith("HTTP_X_AMZ_CHECKSUM_")]:
        algorithm = name.removeprefix("HTTP_X_AMZ_CHECKSUM_")
        environ.setdefault("HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM", algorithm)
    return played(self, environ, start_response)


werkzeug_app.DomainDispatcherApplication.__call__ = as_s3_takes_it
main()
