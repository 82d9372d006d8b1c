/** Exit code of a run that failed before it changed anything in the volume. */
export const untouchedExitCode = 10;

/** File at the top of a volume while it is being restored: what lies beside it is half a volume. */
export const restoreMarker = ".quorum-restore";

/** Where a claim is mounted in the pods that back it up and restore it. */
export const backupMountPath = "/data";

/**
 * What the pods of a backup run, by MODE: `backup`, `restore`, `check` or `list`. POSIX shell, as restic's image has no other.
 *
 * Older backups are taken away last, once the new one is written and the repository is checked: a run that fails anywhere
 * leaves all of them. A snapshot that lacks files is marked, so that it stands in the place of no whole one.
 */
export const volumeBackupScript = `#!/bin/sh
set -eu
data=${backupMountPath}
marker=$data/${restoreMarker}
say() { echo "volume-backup: $*"; }
fail() { code=$1; shift; echo "volume-backup: $*" >&2; exit "$code"; }
run() { restic --cache-dir /tmp/cache \${CA_CERTIFICATE:+--cacert "$CA_CERTIFICATE"} "$@"; }
content() { ls -A "$data" | grep -vxE 'lost\\+found|\\${restoreMarker}' || true; }
has_snapshot() {
  found=$(run snapshots --json --no-lock "$@") || fail ${untouchedExitCode} "the repository's list cannot be read"
  case "$found" in "[]" | null | "") return 1 ;; esac
}

open_repository() {
  said=$(run cat config --no-lock 2>&1) && return 0
  case "$said" in
    *"wrong password"*)
      fail ${untouchedExitCode} "the password of quorum:backup does not open the repository: give the one that it was made with" ;;
  esac
  [ "$MODE" = backup ] || fail ${untouchedExitCode} "the repository cannot be opened: $said"
  # Making one is refused where there is one, and where nothing answers.
  made=$(run init 2>&1) || fail 1 "there is no repository, and none can be made: $said; $made"
  say "made the repository"
}

back_up_files() {
  cd "$data"
  run backup --host "$HOST_TAG" --tag "$1" --exclude "$data/lost+found" --exclude "$marker" .
}

check_repository() {
  set -- check --no-lock
  [ "$CHECK_PERCENT" -eq 0 ] || set -- "$@" "--read-data-subset=$CHECK_PERCENT%"
  run "$@" || fail 1 "the repository is damaged, so no backup is taken away: restore what can be read, and begin a new one"
}

backup() {
  [ ! -e "$marker" ] || fail 1 "a restore of this volume did not end: run it again (npm run backup -- restore $VOLUME_TAG --yes)"
  if [ -z "$(content)" ]; then
    if has_snapshot --host "$HOST_TAG" --tag "$VOLUME_TAG"; then
      fail 1 "the volume is empty, but its last backup is not: restore it, or put a file into it to say that this is meant"
    fi
    say "the volume is empty and has no backup yet: there is nothing to do"
    return 0
  fi
  run unlock
  status=0
  back_up_files "$VOLUME_TAG" || status=$?
  if [ "$status" -eq 3 ]; then
    run tag --host "$HOST_TAG" --tag "$VOLUME_TAG" --set incomplete latest
    # What the repository has of the last backup may be what could not be read.
    check_repository
    fail 1 "some files could not be read, so the snapshot is marked as incomplete; older ones stay"
  fi
  [ "$status" -eq 0 ] || fail 1 "restic backup ended with $status; older backups stay"
  check_repository
  run forget --host "$HOST_TAG" --tag incomplete --group-by host --keep-last 3
  run forget --host "$HOST_TAG" --tag before-restore --group-by host --keep-last 3
  run forget --host "$HOST_TAG" --tag "$VOLUME_TAG" --group-by host --prune \\
    --keep-last "$KEEP_LAST" --keep-daily "$KEEP_DAILY" --keep-weekly "$KEEP_WEEKLY" --keep-monthly "$KEEP_MONTHLY"
  say "done"
}

restore() {
  if [ "$SNAPSHOT" = latest ]; then set -- --host "$HOST_TAG" --tag "$VOLUME_TAG"; else set -- "$SNAPSHOT"; fi
  has_snapshot "$@" || fail ${untouchedExitCode} "there is no snapshot $SNAPSHOT of $VOLUME_TAG (npm run backup -- list $VOLUME_TAG)"
  if [ -e "$marker" ]; then
    say "going on with a restore that did not end"
  elif [ -n "$(content)" ]; then
    [ "$OVERWRITE" = yes ] || fail ${untouchedExitCode} "the volume is not empty ($(content | head -n 5 | tr '\\n' ' ')…): --overwrite backs this up as before-restore, then replaces it"
    run unlock
    say "backing up what is there now, as before-restore"
    back_up_files before-restore || fail ${untouchedExitCode} "what is there now could not be backed up, so nothing is replaced"
  fi
  echo "$SNAPSHOT" > "$marker"
  find "$data" -mindepth 1 -maxdepth 1 ! -name lost+found ! -name ${restoreMarker} -exec rm -rf {} +
  if [ "$SNAPSHOT" = latest ]; then set -- latest --host "$HOST_TAG" --tag "$VOLUME_TAG"; else set -- "$SNAPSHOT"; fi
  run restore "$@" --target "$data" --verify --no-lock || fail 1 "the restore failed half-way: the volume is not whole; mend the reason and run it again"
  sync
  rm "$marker"
  say "restored and verified"
}

open_repository
case "$MODE" in
  backup) backup ;;
  restore) restore ;;
  check) run check --no-lock --read-data || fail 1 "the repository is damaged: see above which packs; snapshots whose packs are whole can still be restored" ;;
  list) run snapshots --no-lock --compact ;;
  *) fail 1 "MODE is $MODE, but it must be backup, restore, check or list" ;;
esac
`;
