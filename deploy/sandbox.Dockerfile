# The image of the sandbox's docker backend, where a registry can be reached:
#   docker build --file deploy/sandbox.Dockerfile --tag budget-router-sandbox .
# It holds an interpreter and no code of ours: the gateway sends that over each container's stream.
FROM python:3.11-slim-bookworm
RUN pip install --no-cache-dir "pytest>=8.3" \
    && find / -xdev -perm /6000 -type f -exec chmod a-s {} +
