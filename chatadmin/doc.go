// Package chatadmin is the administration side of a team-chat product, to embed
// in it. It manages domains, users and their access, roles, groups, default
// groups that nobody can leave, legal holds and invitations. It keeps an audit
// log and tells the host what has changed. A host is the program that embeds
// the library.
//
// # How to use it
//
// An [Admin] is the library over one [Store]. Package sqlstore is a store for
// SQLite and PostgreSQL, package memstore is one for tests, and a host can
// write its own. A [Scope] is one actor in one domain. [Admin.As] makes a scope
// for a user whom the host has authenticated, and [Admin.AsHost] makes one for
// the host itself. A scope has all the calls that an administrator makes.
//
//	admin, err := chatadmin.New(store, &chatadmin.Options{Mailer: mailer})
//	domain, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{
//		Name:   "Acme",
//		Preset: chatadmin.OfficeChat,
//		Admin:  chatadmin.NewUser{Login: "boss@acme.example"},
//	})
//	s := admin.As(domain.ID, boss.ID)
//	user, err := s.CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example"})
//	groups := s.Groups(ctx, chatadmin.GroupQuery{})
//
// Every change has these properties:
//
//   - It is authorised inside its transaction.
//   - [Options.Before] sees it first, and may refuse it.
//   - The change, its audit event and its event for the host are committed
//     together.
//   - It is idempotent: asking for a state that already holds does nothing.
//
// The library starts no goroutine, except where a package says so. Tell errors
// apart with [errors.Is] and [errors.As]. Their texts are for the administrator
// and hold no secret.
//
// # Who may do what
//
// A call needs the permission in its line. The actor's role must have it at the
// moment of the call; a long run asks again at each step. Domain admins have
// all permissions. Members have groups.create; guests have it only if the
// domain allows it. Custom roles have what [Scope.CreateRole] gave them. The host
// has all permissions.
//
// Nobody grants a role above their own. Nobody acts on a user with a higher
// level, or on a user with a permission that the actor lacks: see
// [Settings.MayActOn]. An ID of another domain behaves like an ID that does not
// exist. So does the ID of a user who is being deleted, unless the actor has
// users.delete.
//
//	users.read      User (other users), UserByLogin, Users, UsersPage, Invitation; csvimport.Export
//	users.read      Group, Members, MembersPage (groups of others); Groups, GroupsPage
//	users.read      GroupMembersPage, CountMembers (groups of others)
//	users.read      GroupsOf, MayPost (other users); Invitations, InvitationsPage
//	users.create    CreateUser, CreateUserBy (or as the package says)
//	users.create    provisioning.Provisioning: CreateUser
//	users.edit      EditUser, EditUserBy (or as the package says)
//	users.edit      ActivateUsers, DeactivateUsers
//	users.edit      ResendInvitation, InviteUsers, RevokeInvitations
//	users.read      signin.Gate: SignIns, SignInsPage, Refusals, RefusalsPage
//	users.read      signin.Gate: Locks, LockedUsers, LockedUsersPage
//	users.edit      signin.Gate: PlanIdle, ApplyIdle, ResumeIdle
//	users.access    DenyAccess, GrantAccess, SignOutUsers; signin.Gate: Unlock, Unlink
//	groups.default  PlanDefaultGroup, ApplyDefaultGroup, ResumeDefaultGroup, UnmarkDefaultGroup
//	groups.default  Run, Runs, RunsPage, ResumeRun (runs of other kinds: their own)
//	groups.default  TakeOverRun, CancelRun (likewise)
//	users.import    csvimport.Imports: Plan, Apply, Import, Resume, Unsent, Release, ReleaseImport
//	users.import    csvimport.Imports: ReleaseImports
//	roles           CreateRole, EditRole, DeleteRole, AssignRole (and CreateUser with a role other than member)
//	groups.create   CreateGroup
//	groups          EditGroup, RenameGroup, SetPosting (or an admin of the group)
//	groups          AddMembers, RemoveMembers (or an admin of the group)
//	groups          SetGroupAdmin, ArchiveGroup, UnarchiveGroup (or an admin of the group)
//	groups          PlanDeleteGroup, ApplyDeleteGroup, ResumeDeleteGroup (or an admin of the group)
//	domain          ChangeSettings, RenameDomain; Damaged, Repair
//	holds           AddHold, ReleaseHold, Holds, HoldsPage
//	users.edit      provisioning.Provisioning: EditUser, departments, ResendActivation (see its page)
//	holds           retention.Retention: Policy, SetDays, Plan, Apply, Resume
//	audit.read      Events, EventsPage
//	support         support.Support: SetLevel, Acknowledge, SetState
//	support         support.Support: SetClientLevel, Level, Prepare (of other users)
//	support         support.Support: Send, Report, Reports (of other users)
//	domain          compliance.Agreements: Form, Request, Agreement, Agreements
//	domain          compliance.Agreements: Advance (steps of the customer)
//	(none)          Leave, for oneself; AdminsInForce; View
//
// An import needs users.create too, and users.edit if it updates users. A
// member of a group may read the group and its members. Packages with further
// policies also use users.delete, twofactor, devices and integrations; their
// own pages list their calls. What a domain has decided about such a policy is
// in Settings.Policies, and [Scope.SetPolicy] changes it.
//
// The methods of Admin are for the host alone, such as [Admin.CreateDomain],
// [Admin.Work], [Admin.AcceptInvitation] and [Admin.RepairSettings].
//
// # Which change ends what
//
// When an account changes, sessions and other access may end with it.
// [Cause.Consequences] is the one table of it. Every package applies the table
// in the transaction of the change. "rests" means: refused while the domain is
// suspended. Sessions belong to the host; see package signin.
//
//	change                                   sessions  remembered  challenges  links  devices
//	password set or reset                    end       end         end         end    signed out
//	second factor reset                      end       end         end         -      -
//	two-factor authentication switched on    end       end         end         -      -
//	address changed                          end       end         end         end    signed out
//	login changed                            end       end         end         end    signed out
//	role lowered                             end       end         end         -      -
//	network user turned guest                end       end         end         -      -
//	access denied                            end       end         end         end    disabled
//	deactivated                              end       end         end         end    disabled
//	deleted                                  end       end         end         end    wiped
//	domain suspended                         end       rests       rests       rests  refused
//	signed out by an administrator           end       end         end         -      signed out
//
// A lock after failed sign-ins ends nothing: otherwise anybody who knows a
// login could sign its owner out. A change of a role's permissions ends
// nothing, because each call asks for them again. A change of case alone is no
// change of an address or a login.
//
// # Plans and runs
//
// Long operations are planned first, then run in bounded transactions. After an
// interruption they continue after the last commit.
//
// A plan says what would happen, and changes nothing. It begins with a
// [PlanHeader], can be kept as JSON, and is applied by the actor who made it.
// If the state that it rests on has changed, applying it returns
// [ErrPlanStale].
//
// A [Run] is one record for the operation and its report. Its state is
// scheduled, running, done, stopped or cancelled. [Scope.Runs] lists the runs
// of all kinds. [Scope.ResumeRun] continues a run in the name of its actor.
// [Scope.TakeOverRun] gives it to another administrator, and [Scope.CancelRun]
// ends it if its kind can undo it. [Admin.Work] continues runs that were silent
// for ten minutes, and at once those that a detached scope has begun or resumed:
// see [Scope.Detached]. A package declares a kind of run with [RunKind].
//
// # Damaged records
//
// All data of the library is read through a [RecordKind], which checks version,
// types and values in one place. A record that cannot be read gives a
// [DamagedError]. One rule holds everywhere:
//
//   - A record that protects, such as a legal hold, a denial, a lock or an
//     enrolled second factor, stays in force while it cannot be read.
//     Deactivating, denying or deleting its user works meanwhile.
//   - Any other damaged record is passed over and logged to [Options.Logger].
//   - Nobody but the owner of the record is affected. A legal hold that does
//     not say whom it protects, protects everybody in the domain. Lists do not
//     end at it.
//
// [Scope.Damaged] lists damaged records, and [Scope.Repair] repairs one. The
// host repairs the settings of a domain with [Admin.RepairSettings] and one
// policy in them with [Admin.RepairPolicy].
//
// # Workers
//
// [Admin.Work] does all periodic work of this package and of every package that
// was constructed over the same Admin: it sends mails, continues runs, ends
// sessions, deletes what is due, and delivers events. Call it about every
// minute, in one process or in many. A round with nothing due costs a few
// indexed reads, whatever the number of domains. A package adds work with
// [Extension].
//
// # What only further policies use
//
// A host needs these if it writes a policy of its own, as packages signin,
// twofa, devices, erase and others are; else it need not read them.
//
//	taking part     Extension, Worker, Policy, Preference, Column, Columns, ColumnRow, ColumnReader
//	changing        Writer, Op, UserWrite, UserChange, PreparedUser, Transition, TransitionWrite
//	                StatusEvent, AttributesWrite, SetAttributes, DeviceRegistration, DeviceFunc
//	what ends what  Cause, Causes, Consequences, Effect, DeviceEffect, Ending
//	keeping         RecordKind, Entry, Damageable, DamageSource
//	running         RunKind, Runs, NewRuns, RunOf, RunStep, OldRun, OldJob, PlanHeader, Counts
//	what is held    Held, ExceptHeld, OutsidePlace
//	checking        CheckEmail, CheckReason, CheckPage, FillPage, EqualASCII, PhoneE164, PhoneIn
//
// # What the storage contract is for
//
// Package storage is the whole storage contract. Three primitives keep
// everything correct when two changes meet:
//
//   - A revision of each row never repeats. A write names the revision
//     that it replaces, and fails if the row has another one.
//   - A unique key exists once. Of two inserts one is a conflict.
//   - A fence of a domain orders transactions. An exclusive one excludes all
//     others of the domain, and shared ones exclude exclusive ones.
//
// Policies of further packages rest on the same primitives, so the contract
// does not grow with them:
//
//	policy                          rests on
//	last admin, manager graph       exclusive fence; ListUsers with AdminOnly; Users by ID
//	joining default groups          shared fence against the exclusive one of marking;
//	                                ChangeMemberships; AddMembers for a whole domain
//	sign-in gate, lock-out          one Record per user, changed by revision, no fence
//	activation and release links    Record with the hash of the token, used by revision
//	one-time codes                  Record with the last accepted time step
//	remembered clients, sessions    Records by owner, deleted with the user; Due for expiry
//	codes by e-mail, throttling     Records with Due; lists by DueBy
//	device list, disable, wipe      Device rows: unique client key per user, generation, status;
//	                                commands are Records, which the device owns once delivered
//	device check per request        Devices by ID: one indexed read with the hashed credential
//	deleting users and groups       exclusive fence sets Deleting, then no child row is accepted;
//	                                CountContent, DeleteContent in batches; ChangeEvents
//	legal holds, retention          Records; ContentQuery.Before with ExceptContainers, ExceptUsers
//	provisioning rules              Settings.Policies; ListUsers by Department; Writer.WriteUsers
//	integrations                    Records: settings and tokens by owner, OAuth state with Due,
//	                                message maps by key, dead letters by kind
//	webhook replays                 Record with the delivery as its key: the second insert fails
//	events for the host             Records in lanes, in the order of revisions
//	runs of every kind              Record that moves in the transaction of each step
//	pruning the audit log           ListEvents with To; ChangeEvents that delete
package chatadmin
