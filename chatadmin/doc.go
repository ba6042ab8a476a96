// Package chatadmin is the administration side of a team-chat product, to be embedded in it: domains, users and their access, roles, groups,
// default groups that nobody can leave, invitations, an audit log and events for the host. It keeps its data behind the storage contract in
// store.go, which a host implements over its own database, or takes over from a package beside this one.
//
// # How to use it
//
// An [Admin] is the library over one [Store]. All work is done through a [Scope]: one actor in one domain, made by [Admin.As] for a user whom
// the host has authenticated, or by [Admin.AsHost] for the host itself.
//
//	admin := chatadmin.New(store, &chatadmin.Options{Mailer: mailer})
//	domain, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
//		Admin: chatadmin.NewUser{Login: "boss@acme.example"}})
//	s := admin.As(domain.ID, boss.ID)
//	user, err := s.CreateUser(ctx, chatadmin.NewUser{Login: "ann@acme.example"})
//
// Every change is authorised, shown to [Options.Before] (which may refuse it), made in one transaction with its audit event and its event for the host, and safe to repeat:
// asking for what is the case already changes nothing. What is long is planned first, then runs as a [Job] in bounded transactions, and
// after an interruption is resumed behind the last one. No goroutine is started. Errors are told apart with [errors.Is]
// and [errors.As]; their texts are for the administrator and hold no secret.
//
// # Who may do what
//
// A call needs the permission in its line, held by the actor's role at the moment of
// the call (a long job asks again at each step). Domain admins have all of them,
// members have groups.create (guests only where the domain says so), custom roles have
// what [Scope.SetRole] gave them, the host has all. Nobody grants a role above their
// own. Nobody acts on a user whose level is above theirs, or who has a permission that
// they lack: see [Settings.MayActOn]. An ID of another domain behaves like one that
// does not exist, and so does a user who is being deleted, except for actors with
// users.delete.
//
//	users.read      User (but of oneself), UserByLogin, Users, Invitation, Invitations, InvitationsPage, Group, Members and CountMembers (but as a member), Groups, GroupsOf (but of oneself); csvimport.Export
//	users.create    CreateUser
//	users.edit      EditUser, ActivateUsers, DeactivateUsers, ResendInvitation, InviteUsers
//	users.access    DenyAccess, GrantAccess; signin.Gate's Unlock, Unlink
//	groups.default  PlanDefaultGroup, ApplyDefaultGroup, ResumeDefaultGroup, UnmarkDefaultGroup; Run, Runs, ResumeRun, TakeOverRun, CancelRun for such runs, and for others their permission
//	users.import    csvimport.Make, Apply, Run, Resume, Held, Release (users.create too, and users.edit in update mode)
//	roles           SetRole, DeleteRole, AssignRole (and CreateUser with a role other than member)
//	groups.create   CreateGroup
//	groups          RenameGroup, SetPosting, AddMembers, RemoveMembers, SetGroupAdmin, PlanDeleteGroup, ApplyDeleteGroup, ResumeDeleteGroup; an admin of the group may too
//	domain          ChangeSettings; Damaged, Repair
//	holds           AddHold, ReleaseHold, Holds; retention.SetDays, Policy, Plan, Apply, Resume, Report, Reports
//	audit.read      Events
//	(none)          Leave, for oneself; AdminsInForce; View
//
// Packages with further policies use users.delete, twofactor, devices and integrations as well; their documentation has the table of their calls.
// What a domain has decided about them lies in Settings.Policies, and SetPolicy changes it under their own permission.
//
// CreateDomain, Domains, DeliverEvents, SendInvitations, SendNotices, Invited, AcceptInvitation, PasswordChanged, Keep, ReleaseBlobs, RefusedBlobs, ForgetBlobs, RepairPolicy, RepairSettings and Work are methods of Admin: only the host
// can call them.
//
// # Which change ends what
//
// What somebody has obtained does not outlive the change that should end it.
// [Cause.Consequences] is the one table, and every package follows it in the
// transaction of the change. "rests" means: refused as long as the domain is
// suspended. Sessions are the host's, see package signin.
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
//
// A lock ends nothing, or everybody who knows a login could sign its owner out.
// A role whose permissions change ends nothing: each call asks for them anew. An
// address or login in another case is no other one.
//
// # What the storage contract is for
//
// Three primitives carry everything that must not go wrong when two things happen at once: revisions ([Rev]), which never repeat, unique keys, and the
// [Fence] of a domain. Policies that other packages build rest on the same ones, so that the contract need not grow with them:
//
//	policy                          rests on
//	last admin, manager graph       Exclusive fence; ListUsers with AdminOnly; Users by ID, level by level
//	joining default groups          Shared fence against the Exclusive one that marks; ChangeMemberships; AddMembers for a whole domain
//	sign-in gate, lock-out          one Record per user (owner: the user), reserved and settled by revision without a fence
//	activation and release links    a Record with the hash of the token; used once because its revision matches once
//	one-time codes                  a Record with the last accepted time step; of a hundred uses one finds its revision
//	remembered clients, sessions    Records by owner, listed by owner, erased with the user; Due for expiry
//	codes by e-mail, throttling     Records with Due; lists by DueBy clear what has expired
//	device list, disable, wipe      Device rows: unique client key per user, a generation and a status by revision; commands are Records, owned by nobody while they wait, by the device after
//	device check per request        Devices by ID: one indexed read that carries the hashed credential
//	deleting users and groups       Exclusive fence sets Deleting, after which no child row is accepted (NoParent); CountContent and DeleteContent by
//	                                selector in batches; records by owners, memberships by groups; ChangeEvents blanks what the audit log says
//	legal holds, retention          Records for holds; ContentQuery.Before with ExceptContainers and ExceptUsers
//	provisioning rules              Settings.Policies; ListUsers by Department; Work.WriteUsers
//	integrations                    Records: settings and tokens owned by the group, OAuth state with Due, message maps by key, dead letters by kind
//	webhook replays                 a Record whose key is the delivery: the second insert conflicts
//	events for the host             Records in lanes, listed in the order of revisions, written with the change
//	jobs of every kind              a Record whose cursor moves in the transaction of each batch
//	pruning the audit log           ListEvents with To; ChangeEvents that delete
package chatadmin
